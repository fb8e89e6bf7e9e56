// SPDX-License-Identifier: BSD-2-Clause
// measures.js -- What can be shown of a domain: figures of the whole run, of a moment, of a range of
// time, or what changed between two traces.

const WHOLE = [
  { id: 'live', title: 'live at the end', unit: 'bytes', column: 'live_bytes', pair: 'live_count' },
  { id: 'peak', title: 'live at the peak', unit: 'bytes', column: 'peak_bytes', pair: 'peak_count' },
  { id: 'total', title: 'allocated in total', unit: 'bytes', column: 'alloc_bytes', pair: 'alloc_count' },
  { id: 'count', title: 'allocations', unit: 'count', column: 'alloc_count', pair: 'alloc_count' },
  { id: 'blocks', title: 'live blocks at the end', unit: 'count', column: 'live_count', pair: 'live_count' },
  { id: 'temporary', title: 'temporary allocations', unit: 'count', column: 'temporary_count', pair: 'temporary_count' },
]

const TIME = [
  { id: 'time', title: 'time in samples', unit: 'time', column: 'alloc_bytes', pair: 'alloc_count' },
  { id: 'samples', title: 'samples', unit: 'count', column: 'alloc_count', pair: 'alloc_count' },
  { id: 'kernel', title: 'time in the kernel', unit: 'time', column: 'freed_bytes', pair: 'free_count' },
]

const MOMENT = [
  { id: 'live', title: 'live then', unit: 'bytes', column: 'live_bytes' },
  { id: 'blocks', title: 'live blocks then', unit: 'count', column: 'live_count' },
  { id: 'total', title: 'allocated until then', unit: 'bytes', column: 'alloc_bytes' },
  { id: 'count', title: 'allocations until then', unit: 'count', column: 'alloc_count' },
]

// from, to, end: the figures at the two moments of the range, and at the end of the run.
const RANGE = [
  { id: 'growth', title: 'change of what is live', unit: 'bytes', isChange: true,
    after: ({ to }) => to.live_bytes, before: ({ from }) => from.live_bytes },
  { id: 'total', title: 'allocated in the range', unit: 'bytes', after: between('alloc_bytes') },
  { id: 'count', title: 'allocations in the range', unit: 'count', after: between('alloc_count') },
  { id: 'kept', title: 'allocated in the range and still live, at least', unit: 'bytes', after: kept },
  { id: 'freed', title: 'freed in the range', unit: 'bytes', after: between('freed_bytes') },
  { id: 'frees', title: 'frees in the range', unit: 'count', after: between('free_count') },
  { id: 'live', title: 'live at the end of the range', unit: 'bytes', after: ({ to }) => to.live_bytes },
]

const TIME_RANGE = [
  { id: 'time', title: 'time in samples', unit: 'time', after: between('alloc_bytes') },
  { id: 'samples', title: 'samples', unit: 'count', after: between('alloc_count') },
  { id: 'kernel', title: 'time in the kernel', unit: 'time', after: between('freed_bytes') },
]

function between(column) {
  return ({ from, to }) => to[column].map((value, i) => value - from[column][i])
}

// Which of a stack's blocks are freed is not recorded: at least those that were not freed since.
function kept({ from, to, end }) {
  return to.alloc_bytes.map((value, i) =>
    Math.max(0, value - from.alloc_bytes[i] - (end.freed_bytes[i] - from.freed_bytes[i])))
}

const has = domain => measure => domain.figures[measure.column] !== undefined
const simple = measure => ({ ...measure, after: ({ to }) => to[measure.column] })

// selection: null, {at} or {from, to}, in ns.
export function measuresOf(domain, selection) {
  if (domain.isComparison)
    return (domain.isTime ? TIME : WHOLE).filter(has(domain)).map(measure => ({
      ...measure,
      title: `change of ${measure.title}`,
      isChange: true,
      after: ({ to }) => to[measure.column],
      before: () => domain.old[measure.column],
    }))
  if (!selection) // of a page about an earlier moment, that is what its figures are of
    return (domain.isTime ? TIME : domain.trace.as_of ? MOMENT : WHOLE).filter(has(domain)).map(simple)
  if (selection.at !== undefined)
    return (domain.isTime ? TIME : MOMENT).map(simple)
  return domain.isTime ? TIME_RANGE : RANGE
}

// What every end of a stack weighs: {after, before}, before is null unless it is a change.
export function weigh(domain, measure, selection) {
  const moments = !selection ? { to: domain.figures }
    : selection.at !== undefined ? { to: domain.at(selection.at) }
      : { from: domain.at(selection.from), to: domain.at(selection.to) }
  moments.end = domain.figures
  return { after: measure.after(moments), before: measure.before ? measure.before(moments) : null }
}

// The one to begin with: as memtrace export chooses.
export function firstMeasure(measures, domain) {
  if (domain.isComparison || measures[0].id !== 'live' || measures[1]?.id !== 'peak')
    return measures[0]
  return domain.figures.live_bytes.some(bytes => bytes !== 0) ? measures[0] : measures[1]
}
