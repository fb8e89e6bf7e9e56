// SPDX-License-Identifier: BSD-2-Clause
// compare.js -- Two traces as one: their call stacks merged, with the figures of both.
import { Domain, Frames } from './trace.js'
import { basename } from './format.js'
import { Pairs } from './pairs.js'

// A frame is the same in both if its function, file and line are; trees of sources move, so of a
// file's path the last part counts. Without a line it is the offset in a module of that name.
function frameKey(frames, i) {
  const where = frames.file[i] ? `${basename(frames.file[i])}:${frames.line[i]}` : `${basename(frames.module[i])}+${frames.offset[i]}`
  return `${frames.function[i] ?? ''}\n${where}\n${basename(frames.module[i])}`
}

// Frames of both sides in one list; returns per side the new number of each.
function mergeFrames(sides, merged) {
  const numbers = new Map()
  const list = []
  const of = sides.map(({ frames }) => {
    const result = new Int32Array(frames.count)
    for (let i = 0; i < frames.count; i++) {
      const key = frameKey(frames, i)
      let number = numbers.get(key)
      if (number === undefined) {
        numbers.set(key, number = list.length)
        list.push([frames, i])
      }
      result[i] = number
    }
    return result
  })
  merged.count = list.length
  for (const column of ['function', 'file', 'line', 'module', 'offset', 'flags', 'short'])
    merged[column] = list.map(([frames, i]) => frames[column][i])
  merged.groupings = new Map()
  return of
}

// The new one's names win, so it comes first.
export function compare(old, fresh) {
  const domain = Object.create(Domain.prototype)
  const sides = [fresh, old]
  domain.frames = Object.create(Frames.prototype)
  const frameOf = mergeFrames(sides, domain.frames)
  const nodes = new Pairs(fresh.count + old.count)
  nodes.of(-1, -1)
  const nodeOf = sides.map((side, s) => {
    const result = new Int32Array(side.count)
    for (let i = 1; i < side.count; i++)
      result[i] = nodes.of(result[side.parent[i]], frameOf[s][side.frame[i]])
    return result
  })
  domain.count = nodes.count
  domain.parent = nodes.first.slice(0, nodes.count)
  domain.frame = nodes.second.slice(0, nodes.count)
  domain.parent[0] = 0
  mergeEnds(domain, sides, nodeOf)
  Object.assign(domain, { name: fresh.name, trace: fresh.trace, isComparison: true, sides, times: [], inherited: [] })
  return domain
}

function mergeEnds(domain, sides, nodeOf) {
  const numbers = new Map()
  const ends = []
  const endOf = sides.map((side, s) => Array.from(side.ends, node => {
    const merged = nodeOf[s][node]
    if (!numbers.has(merged)) {
      numbers.set(merged, ends.length)
      ends.push(merged)
    }
    return numbers.get(merged)
  }))
  domain.ends = Int32Array.from(ends)
  domain.endCount = ends.length
  // What the ends of a side weigh, as the ends of both.
  domain.merged = (s, values) => {
    const sums = new Float64Array(ends.length)
    values.forEach((value, i) => { sums[endOf[s][i]] += value })
    return sums
  }
  const known = Object.keys(sides[0].figures).filter(name => sides[1].figures[name])
  const [fresh, old] = sides.map((side, s) => Object.fromEntries(known.map(name => [name, domain.merged(s, side.figures[name])])))
  domain.figures = fresh
  domain.old = old
}
