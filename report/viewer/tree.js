// SPDX-License-Identifier: BSD-2-Clause
// tree.js -- What a flame graph and a call tree show: nodes with figures, children sorted.
//
// before and after are what stacks weigh at two moments, or in two traces; in a view of one figure
// there is no before. A node is as wide as the larger of the two.
import { Pairs } from './pairs.js'

// Of the inverted tree, what has less than this share of all is left out.
const INVERTED_SHARE = 1 / 20000
const INVERTED_DEPTH = 500

// Of a change the larger of the two; what has changed may itself be a change, and negative.
function widthOf(after, before, i) {
  return before ? Math.max(Math.abs(after[i]), Math.abs(before[i])) : Math.max(after[i], 0)
}

export class Tree {
  // parent[i] < i, 0 is the root; frame: of whose frames they are.
  constructor(frames, kind, parent, frame, count) {
    this.frames = frames
    this.kind = kind
    this.count = count
    this.parent = parent
    this.frame = frame
    this.self = new Float64Array(count)
    this.change = null
  }

  // Sums up and sorts; self, and change if it is a comparison, are those of the nodes themselves.
  finish() {
    const { count, parent } = this
    this.total = this.self.slice()
    this.depth = new Int32Array(count)
    for (let i = 1; i < count; i++)
      this.depth[i] = this.depth[parent[i]] + 1
    for (let i = count - 1; i > 0; i--)
      this.total[parent[i]] += this.total[i]
    if (this.change)
      for (let i = count - 1; i > 0; i--)
        this.change[parent[i]] += this.change[i]
    this.sortChildren()
    this.place()
    return this
  }

  sortChildren() {
    const { count, parent, total } = this
    const start = new Int32Array(count + 1)
    for (let i = 1; i < count; i++)
      start[parent[i] + 1]++
    for (let i = 0; i < count; i++)
      start[i + 1] += start[i]
    const next = start.slice()
    const children = new Int32Array(Math.max(count - 1, 0))
    for (let i = 1; i < count; i++)
      children[next[parent[i]]++] = i
    for (let i = 0; i < count; i++)
      if (start[i + 1] - start[i] > 1)
        children.subarray(start[i], start[i + 1]).sort((a, b) => total[b] - total[a] || a - b)
    this.childStart = start
    this.children = children
  }

  // Where each begins, in units of the figure.
  place() {
    const { count, children, childStart, total } = this
    this.begin = new Float64Array(count)
    this.height = 0
    for (let i = 0; i < count; i++) {
      let at = this.begin[i]
      for (let c = childStart[i]; c < childStart[i + 1]; c++) {
        this.begin[children[c]] = at
        at += total[children[c]]
      }
      if (total[i] > 0 && this.depth[i] > this.height)
        this.height = this.depth[i]
    }
  }

  label(node) {
    return node === 0 ? 'all' : this.frames.label(this.frame[node], this.kind)
  }

  // From the root to the node.
  path(node) {
    const path = []
    for (; node; node = this.parent[node])
      path.unshift(node)
    return [0, ...path]
  }
}

// ends: of domain; after, before: what they weigh, before may be null.
export function forward(domain, kind, after, before) {
  const collapsed = collapse(domain, kind)
  const tree = new Tree(domain.frames, kind, collapsed.parent, collapsed.frame, collapsed.count)
  if (before)
    tree.change = new Float64Array(tree.count)
  for (let i = 0; i < domain.endCount; i++) {
    const node = collapsed.of[domain.ends[i]]
    tree.self[node] += widthOf(after, before, i)
    if (before)
      tree.change[node] += after[i] - before[i]
  }
  return tree.finish()
}

// Nodes whose frames are of the same group, and whose callers are, become one.
function collapse(domain, kind) {
  domain.collapsed ??= new Map()
  let result = domain.collapsed.get(kind)
  if (result)
    return result
  const grouping = domain.frames.grouping(kind)
  const pairs = new Pairs(domain.count)
  const of = new Int32Array(domain.count)
  pairs.of(-1, -1)
  for (let i = 1; i < domain.count; i++)
    of[i] = pairs.of(of[domain.parent[i]], grouping.of[domain.frame[i]])
  const frame = new Int32Array(pairs.count).fill(-1)
  for (let i = 1; i < pairs.count; i++)
    frame[i] = grouping.frames[pairs.second[i]]
  result = { of, parent: pairs.first.slice(0, pairs.count), frame, count: pairs.count }
  result.parent[0] = 0
  domain.collapsed.set(kind, result)
  return result
}

// From the charged frame outwards: below a node are its callers.
export function inverted(domain, kind, after, before) {
  const grouping = domain.frames.grouping(kind)
  const parent = [0]
  const frame = [-1]
  const self = [0]
  const change = [0]
  const weights = new Float64Array(domain.endCount)
  let all = 0
  for (let i = 0; i < domain.endCount; i++)
    all += weights[i] = widthOf(after, before, i)

  // A row is a stack of which the frames inside of node have been taken.
  const divide = (owner, rows, depth) => {
    const branches = new Map()
    for (const row of rows) {
      if (row.node === 0) { // nobody called it
        self[owner] += row.weight
        change[owner] += row.change
        continue
      }
      const group = grouping.of[domain.frame[row.node]]
      let branch = branches.get(group)
      if (!branch)
        branches.set(group, branch = { group, rows: [], weight: 0, change: 0 })
      branch.rows.push(row)
      branch.weight += row.weight
      branch.change += row.change
      row.node = domain.parent[row.node]
    }
    const next = []
    for (const branch of branches.values()) {
      if (branch.weight < all * INVERTED_SHARE || depth >= INVERTED_DEPTH) {
        self[owner] += branch.weight
        change[owner] += branch.change
        continue
      }
      parent.push(owner)
      frame.push(grouping.frames[branch.group])
      self.push(0)
      change.push(0)
      next.push([parent.length - 1, branch.rows, depth + 1])
    }
    return next
  }
  const rows = []
  for (let i = 0; i < domain.endCount; i++)
    if (weights[i] > 0 || (before && after[i] !== before[i]))
      rows.push({ node: domain.ends[i], weight: weights[i], change: before ? after[i] - before[i] : 0 })
  let queue = [[0, rows, 0]]
  while (queue.length) {
    const next = []
    for (const [owner, some, depth] of queue)
      next.push(...divide(owner, some, depth))
    queue = next
  }
  const tree = new Tree(domain.frames, kind, Int32Array.from(parent), Int32Array.from(frame), parent.length)
  tree.self = Float64Array.from(self)
  tree.change = before ? Float64Array.from(change) : null
  return tree.finish()
}
