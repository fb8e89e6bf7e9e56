// SPDX-License-Identifier: BSD-2-Clause
// statistics.js -- Figures grouped by line, function, file or module, as memtrace report has them.
import { weigh } from './measures.js'

// Per group of the charged frames what a measure says, signed: of a change what changed.
export function selves(domain, kind, weights) {
  const grouping = domain.frames.grouping(kind)
  const sums = new Float64Array(grouping.count)
  for (let i = 0; i < domain.endCount; i++)
    sums[grouping.of[domain.frame[domain.ends[i]]]] += weights.after[i] - (weights.before ? weights.before[i] : 0)
  return sums
}

// The same with everything that was called from there, each stack once whatever calls itself.
export function inclusives(domain, kind, weights) {
  const grouping = domain.frames.grouping(kind)
  const totals = new Float64Array(domain.count)
  const sums = new Float64Array(grouping.count)
  for (let i = 0; i < domain.endCount; i++)
    totals[domain.ends[i]] += weights.after[i] - (weights.before ? weights.before[i] : 0)
  for (let i = domain.count - 1; i > 0; i--)
    totals[domain.parent[i]] += totals[i]
  const isInside = outermost(domain, grouping)
  for (let i = 1; i < domain.count; i++)
    if (isInside[i])
      sums[grouping.of[domain.frame[i]]] += totals[i]
  return sums
}

// Per node whether none of its callers is of the same group.
function outermost(domain, grouping) {
  domain.outermost ??= new Map()
  let result = domain.outermost.get(grouping)
  if (result)
    return result
  result = new Uint8Array(domain.count)
  const depth = new Int32Array(grouping.count)
  walk(domain, node => {
    if (depth[grouping.of[domain.frame[node]]]++ === 0)
      result[node] = 1
  }, node => depth[grouping.of[domain.frame[node]]]--)
  domain.outermost.set(grouping, result)
  return result
}

// All nodes but the root, callers first; leave is called after everything below.
export function walk(domain, enter, leave) {
  const { first, next } = links(domain)
  for (let node = first[0], isBack = false; node;) {
    if (!isBack) {
      enter(node)
      if (first[node]) {
        node = first[node]
        continue
      }
    }
    leave(node)
    isBack = !next[node]
    node = next[node] || domain.parent[node]
  }
}

function links(domain) {
  if (domain.links)
    return domain.links
  const first = new Int32Array(domain.count)
  const next = new Int32Array(domain.count)
  for (let i = domain.count - 1; i > 0; i--) {
    next[i] = first[domain.parent[i]]
    first[domain.parent[i]] = i
  }
  return domain.links = { first, next }
}

// One row for each group that has anything: {group, frame, values: [per measure], total}.
export function statistics(domain, kind, measures, chosen, selection) {
  const grouping = domain.frames.grouping(kind)
  const columns = measures.map(measure => selves(domain, kind, weigh(domain, measure, selection)))
  const totals = inclusives(domain, kind, weigh(domain, chosen, selection))
  const rows = []
  for (let group = 0; group < grouping.count; group++)
    if (totals[group] !== 0 || columns.some(column => column[group] !== 0))
      rows.push({ group, frame: grouping.frames[group], values: columns.map(column => column[group]), total: totals[group] })
  return rows
}

// Who calls a group and whom it calls: [{group, value}], largest first.
export function neighbours(domain, kind, group, weights) {
  const grouping = domain.frames.grouping(kind)
  const isOutermost = outermost(domain, grouping)
  const totals = new Float64Array(domain.count)
  let self = 0
  for (let i = 0; i < domain.endCount; i++) {
    const value = weights.after[i] - (weights.before ? weights.before[i] : 0)
    totals[domain.ends[i]] += value
    if (grouping.of[domain.frame[domain.ends[i]]] === group)
      self += value
  }
  for (let i = domain.count - 1; i > 0; i--)
    totals[domain.parent[i]] += totals[i]
  const callers = new Map()
  const callees = new Map()
  const inside = new Map()
  const groupOf = node => node ? grouping.of[domain.frame[node]] : -1
  walk(domain, node => {
    const own = groupOf(node)
    const caller = groupOf(domain.parent[node])
    if (own === group && isOutermost[node])
      callers.set(caller, (callers.get(caller) ?? 0) + totals[node])
    if (caller === group && own !== group) {
      const depth = inside.get(own) ?? 0
      inside.set(own, depth + 1)
      if (depth === 0)
        callees.set(own, (callees.get(own) ?? 0) + totals[node])
    }
  }, node => {
    const own = groupOf(node)
    if (groupOf(domain.parent[node]) === group && own !== group)
      inside.set(own, inside.get(own) - 1)
  })
  const list = map => [...map].map(([number, value]) => ({ group: number, value })).filter(row => row.value !== 0)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
  return { callers: list(callers), callees: list(callees), self }
}

// The stack of a group that weighs most, from the charged frame outwards.
export function heaviest(domain, kind, group, values) {
  const grouping = domain.frames.grouping(kind)
  let best = -1
  for (let i = 0; i < domain.endCount; i++)
    if (grouping.of[domain.frame[domain.ends[i]]] === group && (best < 0 || values[i] > values[best]))
      best = i
  const stack = []
  for (let node = best < 0 ? 0 : domain.ends[best]; node; node = domain.parent[node])
    stack.push(node)
  return stack
}
