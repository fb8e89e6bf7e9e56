// SPDX-License-Identifier: BSD-2-Clause
// main.js -- The page: reads the traces, and keeps what is shown together.
import { CallersView } from './view_callers.js'
import { compare } from './compare.js'
import { curvesOf } from './curves.js'
import { Flame } from './flame.js'
import { firstMeasure, measuresOf, weigh } from './measures.js'
import { count, duration, formats, percent } from './format.js'
import { isDark } from './colors.js'
import { forward, inverted } from './tree.js'
import { showCards, showCompleteness, SummaryView } from './view_summary.js'
import { showLegend } from './legend.js'
import { selves } from './statistics.js'
import { showRun } from './view_run.js'
import { SizesView } from './view_sizes.js'
import { SourceView } from './view_source.js'
import { readState, writeState } from './state.js'
import { TableView } from './view_table.js'
import { Timeline } from './timeline.js'
import { read, sum } from './trace.js'
import { TreeView } from './view_tree.js'

const TABS = ['summary', 'flame', 'tree', 'callers', 'table', 'source', 'sizes', 'run']
// Of all that is shown, so much in one module makes its colour say nothing.
const ONE_MODULE = 0.8
const DOMAINS = {
  heap: 'the heap', pool: 'custom pools', mapped: 'mappings', cpu: 'CPU time', wall: 'wall-clock time',
}
const byId = id => document.getElementById(id)

function fillSelect(select, options, value) {
  select.replaceChildren(...options.map(([id, title]) => {
    const option = document.createElement('option')
    option.value = id
    option.textContent = title
    return option
  }))
  select.value = value
}

// A search text as a test of names; null if it is no expression.
function matcher(text) {
  const expression = /^\/(.+)\/$/.exec(text)
  if (!expression) {
    const wanted = text.toLowerCase()
    return name => name.toLowerCase().includes(wanted)
  }
  try {
    const pattern = new RegExp(expression[1], 'i')
    return name => pattern.test(name)
  } catch {
    return null
  }
}

class Page {
  constructor(traces) {
    this.traces = traces
    this.trace = traces.at(-1)
    this.old = traces.length > 1 ? traces[0] : null
    this.domains = this.old ? this.mergeDomains() : this.trace.domains
    this.state = readState()
    this.theme()
    this.makeViews()
    this.listen()
    this.showFrame()
    this.refresh()
  }

  mergeDomains() {
    return this.trace.domains.filter(domain => this.old.domains.some(each => each.name === domain.name))
      .map(domain => compare(this.old.domains.find(each => each.name === domain.name), domain))
  }

  makeViews() {
    this.flame = new Flame({ scroller: byId('flame'), canvas: byId('canvas'), spacer: byId('spacer'), tooltip: byId('tooltip') }, {
      zoom: node => this.set({ zoom: node ? String(node) : '' }),
      focus: text => { byId('flame-status').textContent = text },
    })
    this.timeline = new Timeline(byId('plot'), { select: selection => this.select(selection) })
    this.views = {
      summary: new SummaryView(byId('panel-summary'), this),
      tree: new TreeView(byId('tree'), this),
      callers: new CallersView({ everyone: byId('everyone'), callers: byId('callers'), callees: byId('callees'), chosen: byId('chosen') }, this),
      table: new TableView(byId('table'), this),
      source: new SourceView({ source: byId('source'), select: byId('file'), path: byId('file-path') }, this),
      sizes: new SizesView({ sizes: byId('sizes'), lifetimes: byId('lifetimes'), ages: byId('ages'), agesTitle: byId('ages-title') }, this),
      flame: { show: () => this.showFlame() },
      run: { show: () => showRun(byId('panel-run'), this.trace, this.old) },
    }
  }

  // --- what does not change ---

  showFrame() {
    const { trace, old } = this
    const name = trace.program.split('/').at(-1)
    document.title = `${name} (pid ${trace.pid}): memtrace`
    byId('title').textContent = old ? `${name}: what changed` : `${trace.program} (pid ${trace.pid})`
    byId('subtitle').textContent = old
      ? `old: ${old.name}, pid ${old.pid}, ${old.end}  ·  new: ${trace.name}, pid ${trace.pid}, ${trace.end}`
      : `${trace.end}  ·  ${trace.name}${trace.as_of ? `  ·  ${trace.as_of}` : ''}`
    showCards(byId('cards'), trace, old)
    showCompleteness(byId('completeness'), trace)
    this.plot()
    byId('view').hidden = false
    byId('message').hidden = true
  }

  plot() {
    const { trace, old } = this
    const canSelect = this.hasMoments
    const curves = curvesOf(trace, old)
    byId('time').hidden = !curves.length
    if (!curves.length)
      return
    byId('range').hidden = !canSelect
    byId('time-hint').textContent = canSelect ? 'drag: a range; click: a moment'
      : old ? 'One of the runs was shorter than a tick of its history: moments within them cannot be looked at.' : 'The run was shorter than a tick of the history, or none was kept: moments within it cannot be looked at.'
    this.timeline.show({
      curves, canSelect,
      marks: trace.marks.concat(trace.totals.peak_time_ns ? [{ kind: 'peak', name: 'peak', time_ns: trace.totals.peak_time_ns }] : []).sort((a, b) => a.time_ns - b.time_ns),
      duration: this.duration,
    })
  }

  get duration() {
    return Math.max(this.trace.duration_ns, this.old?.duration_ns ?? 0)
  }

  // Whether moments within the run are known; of two traces both have to know theirs.
  get hasMoments() {
    return this.traces.every(trace => trace.domains[0].times.length > 0)
  }

  // --- what is asked for ---

  set(change) {
    const changed = Object.keys(change).filter(key => this.state[key] !== change[key])
    if (!changed.length)
      return
    Object.assign(this.state, change)
    writeState(this.state, changed)
    this.refresh()
  }

  select(selection) {
    const seconds = time => time === undefined ? '' : String(Number((time / 1e9).toPrecision(6)))
    this.set({ from: seconds(selection?.from), to: seconds(selection?.to), at: seconds(selection?.at), zoom: '', measure: '' })
  }

  readSelection() {
    const { from, to, at } = this.state
    if (!this.hasMoments)
      return null
    const time = text => Math.max(0, Math.min(this.duration, Number(text) * 1e9))
    if (from !== '' && to !== '' && Number(to) > Number(from))
      return { from: time(from), to: time(to) }
    return at !== '' && Number.isFinite(Number(at)) ? { at: time(at) } : null
  }

  // Everything that follows from the state, computed as far as it has changed.
  derive() {
    const { state } = this
    this.domain = this.domains.find(domain => domain.name === state.domain) ?? this.domains[0]
    this.selection = this.readSelection()
    this.measures = measuresOf(this.domain, this.selection)
    this.measure = this.measures.find(measure => measure.id === state.measure) ?? firstMeasure(this.measures, this.domain)
    const { from, to, at } = this.selection ?? {}
    const weightsKey = [this.domain.name, this.measure.id, from, to, at].join()
    if (this.weightsKey !== weightsKey) {
      this.weightsKey = weightsKey
      this.weights = weigh(this.domain, this.measure, this.selection)
    }
    const treeKey = [weightsKey, state.by, state.inverted].join()
    if (this.treeKey !== treeKey) {
      this.treeKey = treeKey
      const { after, before } = this.weights
      this.tree = (state.inverted ? inverted : forward)(this.domain, state.by === 'function' ? 'function' : 'frame', after, before)
      this.isTreeNew = true
    }
  }

  refresh() {
    this.derive()
    this.showControls()
    this.timeline.mark(this.selection)
    const tab = TABS.includes(this.state.tab) ? this.state.tab : 'summary'
    for (const each of TABS) {
      const isChosen = each === tab
      byId(`panel-${each}`).hidden = !isChosen
      byId(`tab-${each}`).setAttribute('aria-selected', isChosen)
      byId(`tab-${each}`).tabIndex = isChosen ? 0 : -1
    }
    // What is said of the run as a whole would only be in the way of the other views.
    for (const id of ['cards', 'completeness'])
      byId(id).hidden = tab !== 'summary' && tab !== 'run'
    this.views[tab].show()
    this.search()
    document.body.dataset.ready = 'yes'
    document.body.dataset.readyAt ??= performance.now()
  }

  showControls() {
    const { state } = this
    fillSelect(byId('domain'), this.domains.map(domain => [domain.name, DOMAINS[domain.name] ?? domain.name]), this.domain.name)
    byId('domain-label').hidden = this.domains.length < 2
    fillSelect(byId('measure'), this.measures.map(measure => [measure.id, measure.title]), this.measure.id)
    byId('measure').title = this.measure.explain ?? ''
    byId('by').value = state.by === 'function' ? 'function' : 'frame'
    byId('inverted').checked = state.inverted === '1'
    byId('color').value = this.color()
    byId('color').disabled = Boolean(this.tree.change) // red and blue then
    byId('upward').checked = state.upward === '1'
    byId('group').value = state.group
    for (const [id, key] of [['search', 'q'], ['filter', 'filter'], ['from', 'from'], ['to', 'to']])
      if (byId(id) !== document.activeElement || !state[key])
        byId(id).value = state[key]
    byId('selection-words').textContent = this.selectionWords()
    byId('whole').hidden = !this.selection
  }

  // The history has ticks: what is known of a moment is what was known at the last one until then.
  selectionWords() {
    const { selection, domain } = this
    const known = (side, time) => duration(time >= side.trace.duration_ns ? side.trace.duration_ns : side.times[side.ticksUntil(time) - 1] ?? 0)
    const words = side => selection.at !== undefined ? known(side, selection.at) : `${known(side, selection.from)} and ${known(side, selection.to)}`
    if (selection)
      return domain.isComparison ? `figures as of ${words(domain.sides[1])} (old), ${words(domain.sides[0])} (new)` : `figures as of ${words(domain)}`
    return this.sampleCount() ? `${count(this.sampleCount())} samples; ± is one standard error` : ''
  }

  showFlame() {
    const { state, tree, flame } = this
    const color = this.color()
    const isUpward = state.upward === '1'
    if (flame.tree !== tree) {
      flame.isUpward = isUpward
      flame.show(tree, this.measure, color, this.sampleCount())
    }
    if (flame.isUpward !== isUpward || flame.palette.by !== color || flame.palette.dark !== isDark()) {
      flame.isUpward = isUpward
      flame.recolor(color)
    }
    const zoom = Number(state.zoom)
    const node = Number.isInteger(zoom) && zoom > 0 && zoom < tree.count && tree.total[zoom] > 0 ? zoom : 0
    if (flame.zoomed !== node || this.isTreeNew)
      flame.zoom(node)
    this.isTreeNew = false
    this.showCrumbs(node)
    showLegend(byId('legend'), flame, this.domain, this.weights)
  }

  // How many samples are shown; 0 of figures that are counted one by one.
  sampleCount() {
    const samples = this.domain.isTime && !this.domain.isComparison && this.measures.find(measure => measure.id === 'samples')
    return samples ? sum(weigh(this.domain, samples, this.selection).after) : 0
  }

  // By module, unless nearly all is in one: then by file.
  color() {
    const { state, domain, weights } = this
    if (['module', 'file', 'function'].includes(state.color))
      return state.color
    if (this.colorKey !== this.weightsKey) {
      this.colorKey = this.weightsKey
      const sums = selves(domain, 'module', weights).map(Math.abs)
      const isOne = Math.max(...sums, 0) > ONE_MODULE * sums.reduce((a, b) => a + b, 0)
      this.autoColor = isOne && domain.frames.file.some(Boolean) ? 'file' : 'module'
    }
    return this.autoColor
  }

  showCrumbs(node) {
    const path = this.tree.path(node)
    byId('crumbs').replaceChildren(...path.map((each, i) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = this.tree.label(each)
      if (i + 1 === path.length)
        button.setAttribute('aria-current', 'location')
      button.addEventListener('click', () => this.set({ zoom: each ? String(each) : '' }))
      return button
    }))
  }

  // The share of what matches is said in all views; the flame graph colours it.
  search() {
    const { state, domain, tree } = this
    const test = state.q ? matcher(state.q) : null
    byId('matched').textContent = ''
    if (!test) {
      if (state.q)
        byId('matched').textContent = 'not a regular expression'
      if (this.flame.tree)
        this.flame.search(null)
      return
    }
    const { frames } = domain
    const matches = Uint8Array.from({ length: frames.count }, (_, i) =>
      test(frames.function[i] ?? '') || test(frames.file[i] ? `${frames.file[i]}:${frames.line[i]}` : frames.address(i)) || test(frames.module[i]) ? 1 : 0)
    if (this.flame.tree !== tree)
      this.flame.show(tree, this.measure, this.color(), this.sampleCount())
    const weight = this.flame.search(matches)
    byId('matched').textContent = `${percent(weight, tree.total[0])} matched: ${formats[this.measure.unit].value(weight)}`
  }

  // --- from one view to another ---

  // Where a row of a table leads to: its source if it is at hand, else who calls it.
  openFrame(frame, kind, measure) {
    const { frames } = this.domain
    const change = measure ? { measure } : {}
    if (kind === 'line' && frames.file[frame] && this.trace.sources.has(frames.file[frame]))
      this.set({ ...change, tab: 'source', file: frames.file[frame], line: String(frames.line[frame]) })
    else if (kind === 'line' || kind === 'function')
      this.openCallers(frame, kind, change)
    else if (kind === 'file' || kind === 'module')
      this.set({ tab: 'table', group: 'line', filter: frames.label(frame, kind) })
  }

  openCallers(frame, kind = 'line', change = {}) {
    this.set({ ...change, tab: 'callers', by: kind === 'function' ? 'function' : 'frame', chosen: this.domain.frames.key(frame, kind) })
  }

  // --- events ---

  theme() {
    const chosen = this.state.theme
    document.documentElement.dataset.theme = chosen === 'dark' || chosen === 'light' ? chosen
      : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
    byId('theme').textContent = isDark() ? 'Light' : 'Dark'
  }

  // Paper is white.
  print(isPrinting) {
    if (isPrinting)
      document.documentElement.dataset.theme = 'light'
    else
      this.theme()
    this.plot()
    this.timeline.mark(this.selection)
    if (!byId('panel-flame').hidden) {
      this.flame.recolor(this.color())
      if (isPrinting)
        this.flame.print()
    }
  }

  switchTheme(theme) {
    this.state.theme = theme
    writeState(this.state, ['theme'])
    this.theme()
    this.plot()
    this.refresh()
  }

  listen() {
    for (const tab of TABS)
      byId(`tab-${tab}`).addEventListener('click', () => this.set({ tab }))
    byId('tabs').addEventListener('keydown', event => this.tabKey(event))
    const change = (id, key, value) => byId(id).addEventListener('change', event => this.set({ [key]: value ? value(event.target) : event.target.value }))
    byId('domain').addEventListener('change', event => this.set({ domain: event.target.value, measure: '', zoom: '' }))
    byId('measure').addEventListener('change', event => this.set({ measure: event.target.value }))
    byId('by').addEventListener('change', event => this.set({ by: event.target.value, zoom: '' }))
    byId('inverted').addEventListener('change', event => this.set({ inverted: event.target.checked ? '1' : '', zoom: '' }))
    change('color', 'color')
    change('upward', 'upward', target => target.checked ? '1' : '')
    change('group', 'group')
    for (const [id, key] of [['search', 'q'], ['filter', 'filter']])
      byId(id).addEventListener('input', event => this.set({ [key]: event.target.value }))
    byId('range').addEventListener('submit', event => this.submitRange(event))
    byId('whole').addEventListener('click', () => this.select(null))
    byId('theme').addEventListener('click', () => this.switchTheme(isDark() ? 'light' : 'dark'))
    byId('help-button').addEventListener('click', () => byId('help').showModal())
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.switchTheme(this.state.theme))
    addEventListener('beforeprint', () => this.print(true))
    addEventListener('afterprint', () => this.print(false))
    addEventListener('popstate', () => {
      this.state = readState()
      this.theme()
      this.refresh()
    })
    addEventListener('keydown', event => this.key(event))
  }

  submitRange(event) {
    event.preventDefault()
    const [from, to] = [byId('from').value, byId('to').value].map(text => text.trim())
    if (from !== '' && to === '')
      this.set({ at: from, from: '', to: '', zoom: '', measure: '' })
    else
      this.set({ from: from || '0', to: to || String(this.duration / 1e9), at: '', zoom: '', measure: '' })
  }

  tabKey(event) {
    const at = TABS.findIndex(tab => byId(`tab-${tab}`) === document.activeElement)
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (at < 0 || !step)
      return
    const next = TABS[(at + step + TABS.length) % TABS.length]
    byId(`tab-${next}`).focus()
    this.set({ tab: next })
    event.preventDefault()
  }

  key(event) {
    const isTyping = event.target.closest?.('input, select, textarea, dialog')
    if (event.key === 'Escape' && event.target.matches?.('#search, #filter')) {
      event.target.value = ''
      this.set({ [event.target.id === 'search' ? 'q' : 'filter']: '' })
    }
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented)
      return
    const { state } = this
    const actions = {
      '/': () => byId('search').focus(),
      '?': () => byId('help').showModal(),
      m: () => this.set({ measure: this.measures[(this.measures.indexOf(this.measure) + 1) % this.measures.length].id }),
      f: () => this.set({ by: state.by === 'function' ? 'frame' : 'function', zoom: '' }),
      i: () => this.set({ inverted: state.inverted ? '' : '1', zoom: '' }),
      t: () => this.switchTheme(isDark() ? 'light' : 'dark'),
    }
    const tab = TABS[Number(event.key) - 1]
    if (tab)
      this.set({ tab })
    else if (actions[event.key])
      actions[event.key]()
    else
      return
    event.preventDefault()
  }
}

async function start() {
  const slot = byId('memtrace-data')
  try {
    const traces = await read(slot.textContent)
    slot.remove()
    globalThis.memtracePage = new Page(traces)
  } catch (error) {
    byId('message').textContent = `This page could not be shown: ${error.message}. It needs a browser of 2023 or later.`
    throw error
  }
}
start()
