// SPDX-License-Identifier: BSD-2-Clause
// measures.js -- What can be shown of a domain: figures of the whole run, of a moment, of a range of
// time, or what changed between two traces.

// of: what it is of the figures of a moment; needs: the columns that have to be known for that.
const column = (id, title, unit, name, more = {}) => ({ id, title, unit, needs: [name], of: figures => figures[name], ...more })

const MEMORY = [
  column('live', 'live at the end', 'bytes', 'live_bytes', { pair: 'live_count', explain: 'allocated, and not freed when the program ended' }),
  column('peak', 'live at the peak', 'bytes', 'peak_bytes', { pair: 'peak_count', explain: 'what was live at the moment when most was' }),
  column('total', 'allocated in total', 'bytes', 'alloc_bytes', { pair: 'alloc_count', explain: 'all that was ever allocated, freed or not' }),
  column('count', 'allocations', 'count', 'alloc_count', { pair: 'alloc_count', explain: 'how often something was allocated' }),
  column('blocks', 'live blocks at the end', 'count', 'live_count', { pair: 'live_count', explain: 'allocated, and not freed when the program ended' }),
  column('temporary', 'temporary allocations', 'count', 'temporary_count',
    { pair: 'temporary_count', explain: 'freed by the same thread before it allocated again: a buffer that is kept would save them' }),
]

const MOMENT = [
  column('live', 'live then', 'bytes', 'live_bytes', { explain: 'allocated by then, and not freed yet' }),
  column('blocks', 'live blocks then', 'count', 'live_count', { explain: 'allocated by then, and not freed yet' }),
  column('total', 'allocated until then', 'bytes', 'alloc_bytes', { explain: 'freed since or not' }),
  column('count', 'allocations until then', 'count', 'alloc_count', { explain: 'freed since or not' }),
]

const CPU = [
  column('time', 'CPU time', 'time', 'time_ns', { pair: 'samples', explain: 'what the samples stand for; ± is one standard error' }),
  column('samples', 'samples', 'count', 'samples', { pair: 'samples', explain: 'how often the sampler met it' }),
  column('kernel', 'CPU time in the kernel', 'time', 'kernel_ns', { explain: 'system calls and page faults' }),
]

const WALL = [
  column('time', 'wall-clock time', 'time', 'time_ns', { pair: 'samples', explain: 'of all threads, running or waiting; ± is one standard error' }),
  column('waiting', 'waiting', 'time', 'off_ns', { explain: 'off the CPU: for a lock, a file, a peer, or its turn' }),
  { id: 'running', title: 'running', unit: 'time', needs: ['time_ns', 'off_ns'], of: figures => less(figures.time_ns, figures.off_ns), explain: 'on the CPU' },
  column('samples', 'samples', 'count', 'samples', { pair: 'samples', explain: 'how often the sampler met it' }),
]

const less = (a, b) => a.map((value, i) => value - b[i])
const between = of => ({ from, to }) => less(of(to), of(from))
const grown = (id, title, unit, name, explain) => ({ id, title, unit, needs: [name], after: between(figures => figures[name]), explain })

// from, to, end: the figures at the two moments of the range, and at the end of the run.
const RANGE = [
  { id: 'growth', title: 'change of what is live', unit: 'bytes', needs: ['live_bytes'], isChange: true,
    after: ({ to }) => to.live_bytes, before: ({ from }) => from.live_bytes, explain: 'live at the end of the range, less what was live at its beginning' },
  grown('total', 'allocated in the range', 'bytes', 'alloc_bytes', 'freed since or not'),
  grown('count', 'allocations in the range', 'count', 'alloc_count', 'freed since or not'),
  { id: 'kept', title: 'allocated in the range and still live, at least', unit: 'bytes', needs: ['alloc_bytes'], after: kept,
    explain: 'still live at the end of the run: certainly so much, as no more was freed since' },
  grown('freed', 'freed in the range', 'bytes', 'freed_bytes', 'whenever it was allocated'),
  grown('frees', 'frees in the range', 'count', 'free_count', 'of blocks, whenever they were allocated'),
  { id: 'live', title: 'live at the end of the range', unit: 'bytes', needs: ['live_bytes'], after: ({ to }) => to.live_bytes, explain: 'allocated by then, and not freed yet' },
]

// Which of a stack's blocks are freed is not recorded: at least those that were not freed since.
function kept({ from, to, end }) {
  return to.alloc_bytes.map((value, i) =>
    Math.max(0, value - from.alloc_bytes[i] - (end.freed_bytes[i] - from.freed_bytes[i])))
}

const timeOf = domain => domain.name === 'cpu' ? CPU : WALL
const simple = measure => ({ ...measure, after: ({ to }) => measure.of(to) })
const inRange = measure => ({ ...measure, after: between(measure.of) })

function listOf(domain, selection) {
  if (selection && selection.at === undefined)
    return domain.isTime ? timeOf(domain).map(inRange) : RANGE
  if (domain.isTime)
    return timeOf(domain).map(simple)
  // Of a page about an earlier moment, that is what its figures are of.
  return (selection || domain.trace.as_of ? MOMENT : MEMORY).map(simple)
}

// selection: null, {at} or {from, to}, in ns.
export function measuresOf(domain, selection) {
  const list = listOf(domain, selection).filter(measure => measure.needs.every(name => domain.figures[name] !== undefined))
  return domain.isComparison ? list.map(measure => ({ ...measure, title: `change of ${measure.title.replace(/^change of /, '')}`, isChange: true })) : list
}

function momentsOf(domain, selection) {
  const end = domain.figures
  if (!selection)
    return { to: end, end }
  return selection.at === undefined ? { from: domain.at(selection.from), to: domain.at(selection.to), end } : { to: domain.at(selection.at), end }
}

function net(domain, measure, selection) {
  const moments = momentsOf(domain, selection)
  const after = measure.after(moments)
  return measure.before ? less(after, measure.before(moments)) : after
}

// What every end of a stack weighs: {after, before}, before is null unless it is a change.
export function weigh(domain, measure, selection) {
  if (domain.isComparison) {
    const [fresh, old] = domain.sides
    return { after: domain.merged(0, net(fresh, measure, selection)), before: domain.merged(1, net(old, measure, selection)) }
  }
  const moments = momentsOf(domain, selection)
  return { after: measure.after(moments), before: measure.before ? measure.before(moments) : null }
}

// The one to begin with: as memtrace export chooses.
export function firstMeasure(measures, domain) {
  if (domain.isComparison || measures[0].id !== 'live' || measures[1]?.id !== 'peak')
    return measures[0]
  return domain.figures.live_bytes.some(bytes => bytes !== 0) ? measures[0] : measures[1]
}
