// SPDX-License-Identifier: BSD-2-Clause
// advice.js -- Where to look next: what stands out in a trace, in sentences, and the views that show
// more of it.
import { basename, count, duration, formats, percent, seconds, size } from './format.js'
import { errorsOf, plusMinus } from './errors.js'
import { measuresOf, weigh } from './measures.js'
import { selves } from './statistics.js'
import { sum } from './trace.js'

const MUCH_LIVE = 0.05 // of the peak, at the end
const MUCH_TEMPORARY = 0.2
const MANY = 10000
const MUCH_GROWTH = 0.1

const measureOf = (domain, selection, id) => measuresOf(domain, selection).find(measure => measure.id === id)

// The line, or without lines the function, to which most is charged, or which changed most; null if
// there is nothing.
function topOf(domain, measure, selection = null) {
  const kind = domain.frames.file.some(Boolean) ? 'line' : 'function'
  const weights = weigh(domain, measure, selection)
  const sums = selves(domain, kind, weights)
  let best = -1
  const weight = group => domain.isComparison ? Math.abs(sums[group]) : sums[group]
  for (let group = 0; group < sums.length; group++)
    if (weight(group) > 0 && (best < 0 || weight(group) > weight(best)))
      best = group
  if (best < 0)
    return null
  const all = sum(weights.after) - (weights.before ? sum(weights.before) : 0)
  return { kind, group: best, frame: domain.frames.grouping(kind).frames[best], value: sums[best], share: all > 0 ? sums[best] / all : 0, all }
}

const label = (domain, top) => {
  const { frames } = domain
  const name = frames.label(top.frame, top.kind)
  const where = top.kind === 'line' ? frames.short[top.frame] : basename(frames.module[top.frame])
  return where && where !== name ? `${name} (${where})` : name
}

const of = (domain, top) => `${label(domain, top)} has ${percent(top.share, 1)} of it`
const show = (domain, measure, more = {}) => ({ domain: domain.name, measure, from: '', to: '', at: '', zoom: '', ...more })

function atPeak({ heap, trace }) {
  const measure = measureOf(heap, null, 'peak')
  const top = measure && topOf(heap, measure)
  if (!top)
    return null
  return {
    text: `${size(trace.totals.peak_bytes)} was live at the peak, after ${duration(trace.totals.peak_time_ns)}; ${of(heap, top)}.`,
    ways: [['its line', { top, domain: heap, measure: 'peak' }], ['all of the peak as a flame graph', show(heap, 'peak', { tab: 'flame' })]],
  }
}

function atEnd({ heap, trace }) {
  const measure = measureOf(heap, null, 'live')
  const { live_bytes: live, live_count: blocks, peak_bytes: peak } = trace.totals
  const top = measure && live > MUCH_LIVE * (peak ?? 0) ? topOf(heap, measure) : null
  if (!top)
    return null
  const what = trace.is_running ? 'is live now: in use, or forgotten' : 'was never freed: leaks, or what the program kept until its end'
  return {
    text: `${size(live)} in ${count(blocks)} ${blocks === 1 ? 'block' : 'blocks'} ${what}; ${of(heap, top)}.`,
    ways: [['its line', { top, domain: heap, measure: 'live' }], ['who calls it', { top, domain: heap, measure: 'live', isCallers: true }],
      ['all that is live as a flame graph', show(heap, 'live', { tab: 'flame' })]],
  }
}

// What is live at the end that was not half way before; only of runs whose history tells.
function growth({ heap, trace }) {
  const half = trace.duration_ns / 2
  if (heap.ticksUntil(half) < 1 || heap.times.length < 4)
    return null
  const selection = { from: half, to: trace.duration_ns }
  const measure = measureOf(heap, selection, 'growth')
  const before = measure ? sum(heap.at(half).live_bytes) : 0
  const top = before > 0 ? topOf(heap, measure, selection) : null
  if (!top || top.all < MUCH_GROWTH * before)
    return null
  const range = { from: String(Number((half / 1e9).toPrecision(6))), to: String(Number((trace.duration_ns / 1e9).toPrecision(6))) }
  return {
    text: `It was still growing: ${size(top.all)} more at the end than half way; ${label(heap, top)} alone grew by ${size(top.value)}.`,
    ways: [['what grew, as a flame graph', { ...show(heap, 'growth', { tab: 'flame' }), ...range }]],
  }
}

function temporary({ heap, trace }) {
  const measure = measureOf(heap, null, 'temporary')
  const { temporary_count: some, alloc_count: all } = trace.totals
  const top = measure && some > MANY && some > MUCH_TEMPORARY * all ? topOf(heap, measure) : null
  if (!top)
    return null
  return {
    text: `${percent(some, all)} of all allocations are temporary: freed by the same thread before its next one; ${of(heap, top)}. A buffer that is kept would save them.`,
    ways: [['its line', { top, domain: heap, measure: 'temporary' }]],
  }
}

function processor({ domains }) {
  const cpu = domains.find(domain => domain.name === 'cpu')
  const measure = cpu && measureOf(cpu, null, 'time')
  const top = measure && topOf(cpu, measure)
  if (!top)
    return null
  const error = plusMinus(errorsOf(cpu, top.kind, measure, null).self[top.group])
  return {
    text: `${label(cpu, top)} took most CPU time by itself: ${seconds(top.value)}${error} of ${seconds(top.all)}.`,
    ways: [['its line', { top, domain: cpu, measure: 'time' }], ['CPU time as a flame graph', show(cpu, 'time', { tab: 'flame' })]],
  }
}

function waiting({ domains }) {
  const wall = domains.find(domain => domain.name === 'wall')
  const measure = wall && measureOf(wall, null, 'waiting')
  const top = measure && topOf(wall, measure)
  if (!top)
    return null
  return {
    text: `Threads waited for ${seconds(top.all)} in all; ${of(wall, top)}.`,
    ways: [['waiting as a flame graph', show(wall, 'waiting', { tab: 'flame' })]],
  }
}

// Of two traces: what changed most, of each kind.
function changes({ domains }) {
  return domains.map(domain => {
    const measure = measureOf(domain, null, domain.isTime ? 'time' : 'live')
    const weights = measure && weigh(domain, measure, null)
    const all = measure ? sum(weights.after) - sum(weights.before) : 0
    const top = measure && topOf(domain, measure)
    if (!top)
      return null
    const [format, what] = [formats[measure.unit].change, measure.title.replace('change of ', '')]
    const error = domain.isTime ? plusMinus(errorsOf(domain, top.kind, measure, null).self[top.group]) : ''
    return {
      text: `${what}: ${format(all)} in all; ${label(domain, top)} changed most: ${format(top.value)}${error}.`,
      ways: [['what changed as a flame graph', show(domain, measure.id, { tab: 'flame' })]],
    }
  })
}

// [{text, ways: [[title, where it leads]]}]
export function adviceOn(page) {
  const { trace, domains } = page
  if (page.old)
    return changes(page).filter(Boolean)
  if (trace.as_of)
    return []
  const about = { trace, domains, heap: domains[0] }
  return [atPeak, atEnd, growth, temporary, processor, waiting].map(rule => rule(about)).filter(Boolean)
}
