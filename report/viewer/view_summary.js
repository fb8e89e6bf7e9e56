// SPDX-License-Identifier: BSD-2-Clause
// view_summary.js -- How much, how complete, and the top lines with where to look next.
import { add } from './grid.js'
import { adviceOn } from './advice.js'
import { basename, count, duration, formats, percent, seconds, size } from './format.js'
import { errorsOf, plusMinus } from './errors.js'
import { heaviest, selves } from './statistics.js'
import { measuresOf, weigh } from './measures.js'
import { sum } from './trace.js'

const TOP = 6
const CHAIN = 4
const NOTED_SHARE = 0.05

function card(parent, title, value, ...more) {
  const element = add(parent, 'div', 'card')
  add(element, 'span').textContent = title
  add(element, 'b').textContent = value
  for (const text of more.filter(Boolean))
    add(element, 'span').textContent = text
}

const blocks = number => `${count(number)} ${number === 1 ? 'block' : 'blocks'}`

// What the kernel counted, and how much of it samples tell of.
function timeCard(element, trace, old, name, title) {
  const sampler = trace[name]
  if (!sampler)
    return
  const used = sampler.cpu_time_ns || sampler.sampled_ns
  const seen = `${count(sampler.samples)} samples`
  const before = old?.[name] ? `before: ${seconds(old[name].cpu_time_ns || old[name].sampled_ns)}` : ''
  card(element, title, seconds(used), used === sampler.sampled_ns ? seen : `${percent(sampler.sampled_ns, used)} of it in ${seen}`, before)
}

export function showCards(element, trace, old) {
  const { totals } = trace
  element.replaceChildren()
  const before = (name, format = size) => old && old.totals[name] !== undefined ? `before: ${format(old.totals[name])}` : ''
  if (totals.peak_bytes !== undefined)
    card(element, 'peak', size(totals.peak_bytes), `at ${duration(totals.peak_time_ns)}`, before('peak_bytes'))
  card(element, trace.as_of ? 'live' : trace.is_running ? 'live when this was written' : 'live at exit', size(totals.live_bytes),
    `in ${blocks(totals.live_count)}`, trace.as_of ?? '', before('live_bytes'))
  if (totals.alloc_bytes !== undefined)
    card(element, 'allocated in total', size(totals.alloc_bytes), `in ${count(totals.alloc_count)} allocations`,
      totals.temporary_count === undefined ? '' : `${count(totals.temporary_count)} of them temporary`, before('alloc_bytes'))
  const rss = trace.points?.rss_bytes?.max.filter(bytes => bytes >= 0)
  if (rss?.length)
    card(element, 'resident set, at most', size(rss.reduce((a, b) => Math.max(a, b))))
  for (const [name, title] of [['cpu', 'CPU time'], ['wall', 'wall-clock time of threads']])
    timeCard(element, trace, old, name, title)
  card(element, 'ran', duration(trace.duration_ns), totals.threads === undefined ? '' : `${count(totals.threads)} ${totals.threads === 1 ? 'thread' : 'threads'}`)
  card(element, 'call stacks', count(totals.sites))
}

// Modules without lines to which much is charged, and of which there is something to say.
function concerned(trace) {
  const domain = trace.domains[0]
  const figures = domain.figures.alloc_bytes ?? domain.figures.live_bytes ?? []
  const sums = selves(domain, 'module', { after: figures, before: null })
  const grouping = domain.frames.grouping('module')
  const all = sum(figures)
  const isMuch = path => grouping.frames.some((frame, group) => domain.frames.module[frame] === path && sums[group] > NOTED_SHARE * all)
  return trace.modules.filter(each => each.explanation && each.symbols !== 'lines' && isMuch(each.path))
}

// What the samplers did not see, beyond what their account says anyway.
function samplerWarnings(trace) {
  const warnings = []
  for (const [name, title] of [['cpu', 'CPU'], ['wall', 'wall-clock']]) {
    const { lost_samples: lost, invisible_threads: invisible, truncated_stacks: cut } = trace[name] ?? {}
    if (lost)
      warnings.push(`${title} samples: ${count(lost)} ${lost === 1 ? 'was' : 'were'} lost, there was no room`)
    if (invisible)
      warnings.push(`${title} samples: ${count(invisible)} ${invisible === 1 ? 'thread' : 'threads'} could not be sampled: the signal was blocked, or the thread could not be opened`)
    if (cut)
      warnings.push(`${title} samples: ${count(cut)} ${cut === 1 ? 'stack was' : 'stacks were'} cut`)
  }
  return warnings
}

export function showCompleteness(element, trace) {
  element.replaceChildren()
  for (const reason of trace.incomplete_because)
    Object.assign(add(element, 'p', 'incomplete'), { textContent: `incomplete: ${reason}` })
  const notes = [...trace.notes]
  if (trace.sample_bytes)
    notes.push(`sampled, about one allocation in ${size(trace.sample_bytes)}: figures are estimates`)
  if (trace.is_filtered)
    notes.push('patterns left out some call stacks: what is below does not sum to the totals above')
  for (const [name, { live_bytes: live, live_count: number }] of Object.entries(trace.other_domains ?? {}))
    if (name === 'pool' || name === 'mapped')
      notes.push(`${name === 'pool' ? 'pools' : 'mapped'}: ${size(live)} in ${blocks(number)}, counted apart`)
  for (const module of concerned(trace))
    notes.push(module.explanation.includes(basename(module.path)) ? module.explanation : `${basename(module.path)}: ${module.explanation}`)
  if (trace.domains.some(domain => domain.isShortened))
    notes.push('There are more call stacks than a page can hold: light ones lack frames in their middle. Figures of lines are exact; what functions have with all they call may be more than is shown.')
  for (const note of notes)
    Object.assign(add(element, 'p', 'hint'), { textContent: note })
  for (const reason of samplerWarnings(trace))
    Object.assign(add(element, 'p', 'incomplete'), { textContent: reason })
  if (trace.complete && !trace.sample_bytes)
    Object.assign(add(element, 'p', 'hint'), { textContent: 'Complete: every call, every byte and every thread was seen.' })
}

export class SummaryView {
  constructor(element, page) {
    this.element = element
    this.page = page
  }

  show() {
    const { domain, selection } = this.page
    const measures = measuresOf(domain, selection)
    this.element.replaceChildren()
    if (!selection)
      this.advice()
    const tops = add(this.element, 'div', 'tops')
    const wanted = selection || domain.isComparison || domain.isTime ? measures.slice(0, 4)
      : ['peak', 'live', 'count', 'total'].map(id => measures.find(measure => measure.id === id)).filter(Boolean)
    for (const measure of wanted)
      this.top(tops, measure)
  }

  advice() {
    const list = adviceOn(this.page)
    if (!list.length)
      return
    const box = add(this.element, 'section', 'advice')
    add(box, 'h3').textContent = 'Where to look next'
    const items = add(box, 'ul')
    for (const { text, ways } of list) {
      const item = add(items, 'li')
      item.append(`${text} `)
      for (const [title, way] of ways) {
        const button = add(item, 'button', 'way')
        button.type = 'button'
        button.textContent = title
        button.addEventListener('click', () => this.follow(way))
      }
    }
  }

  // A change of what is shown, or a frame.
  follow(way) {
    const { page } = this
    if (!way.top)
      return page.set(way)
    page.set({ domain: way.domain.name, measure: way.measure, zoom: '' })
    if (way.isCallers)
      return page.openCallers(way.top.frame, way.top.kind)
    return page.openFrame(way.top.frame, way.top.kind, way.measure)
  }

  top(parent, measure) {
    const { domain, selection } = this.page
    const kind = domain.frames.file.some(Boolean) ? 'line' : 'function'
    const weights = weigh(domain, measure, selection)
    const sums = selves(domain, kind, weights)
    const grouping = domain.frames.grouping(kind)
    const order = [...sums.keys()].filter(group => sums[group] !== 0).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a])).slice(0, TOP)
    const box = add(parent, 'section')
    add(box, 'h3').textContent = measure.title
    if (measure.explain)
      Object.assign(add(box, 'p', 'hint'), { textContent: measure.explain })
    if (!order.length) {
      Object.assign(add(box, 'p', 'hint'), { textContent: 'nothing' })
      return
    }
    const table = add(box, 'table')
    const errors = errorsOf(domain, kind, measure, selection)
    const pair = measure.pair && !selection ? selves(domain, kind, { after: domain.figures[measure.pair], before: measure.isChange ? domain.old[measure.pair] : null }) : null
    const format = measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const values = weights.before ? weights.after.map((value, i) => Math.abs(value - weights.before[i])) : weights.after
    for (const group of order) {
      const row = add(table, 'tr')
      add(row, 'td', 'number').textContent = format(sums[group]) + (errors ? plusMinus(errors.self[group]) : '')
      add(row, 'td', 'number').textContent = pair && measure.unit !== 'count' ? `${count(pair[group])} ${domain.isTime ? 'samples' : '×'}` : ''
      this.place(add(row, 'td'), kind, group, grouping.frames[group], values, measure)
    }
  }

  place(cell, kind, group, frame, values, measure) {
    const { domain } = this.page
    const { frames } = domain
    const button = add(cell, 'button', 'where')
    button.type = 'button'
    button.textContent = frames.label(frame, kind)
    button.title = frames.place(frame)
    button.addEventListener('click', () => this.page.openFrame(frame, kind, measure.id))
    const stack = heaviest(domain, kind, group, values)
    const names = stack.slice(0, CHAIN).map(node => frames.short[domain.frame[node]] ?? frames.address(domain.frame[node]))
    add(cell, 'div', 'chain').textContent = names.join(' < ') + (stack.length > CHAIN ? ' < …' : '')
  }
}
