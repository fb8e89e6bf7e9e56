// SPDX-License-Identifier: BSD-2-Clause
// trace.js -- The traces in the page: tables as columns, in typed arrays.
import { basename, harmless } from './format.js'

// What the page was made with: base64, gzip, JSON.
export async function read(text) {
  const stream = new Blob([decode(text.trim())]).stream().pipeThrough(new DecompressionStream('gzip'))
  return (await new Response(stream).json()).traces.map(json => new Trace(json))
}

function decode(text) {
  if (Uint8Array.fromBase64)
    return Uint8Array.fromBase64(text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = binary.charCodeAt(i)
  return bytes
}

const INLINED = 1
const SPECIAL = 2
const RUNTIME = 4

const FIGURES = ['live_bytes', 'live_count', 'alloc_bytes', 'alloc_count', 'freed_bytes', 'free_count', 'peak_bytes', 'peak_count',
  'temporary_count', 'time_ns', 'samples', 'kernel_ns', 'off_ns']
const CHANGES = ['alloc_count', 'alloc_bytes', 'free_count', 'freed_bytes', 'time_ns', 'samples', 'kernel_ns', 'off_ns']

export class Trace {
  constructor(json) {
    Object.assign(this, json)
    for (const key of ['name', 'program', 'executable', 'end'])
      this[key] = harmless(this[key] ?? '')
    this.domains = json.domains.map(domain => new Domain(domain, this))
    this.sources = new Map((json.sources ?? []).map(source => [harmless(source.file), source.pieces]))
    this.marks = (json.marks ?? []).map(mark => ({ ...mark, name: harmless(mark.name) }))
    this.threads = json.threads.map(thread => ({ ...thread, name: harmless(thread.name) }))
  }
}

// The names of frames, by which everything is grouped.
export class Frames {
  constructor(columns, strings) {
    this.count = columns.function.length
    this.function = columns.function.map(i => i ? strings[i - 1] : null)
    this.file = columns.file.map(i => i ? strings[i - 1] : null)
    this.module = columns.module.map(i => i ? strings[i - 1] : '')
    this.line = columns.line
    this.offset = columns.offset
    this.flags = columns.flags
    this.short = columns.short.map((name, i) => name === null ? this.function[i] : harmless(name))
    this.groupings = new Map()
  }

  isRuntime(frame) {
    return (this.flags[frame] & (RUNTIME | SPECIAL)) !== 0
  }

  isInlined(frame) {
    return (this.flags[frame] & INLINED) !== 0
  }

  address(frame) {
    return `${this.module[frame] ? basename(this.module[frame]) : '<no module>'}+0x${this.offset[frame].toString(16)}`
  }

  // What a frame is called in a view by line, function …
  label(frame, kind) {
    if (this.flags[frame] & SPECIAL)
      return this.function[frame]
    switch (kind) {
      case 'function': return this.short[frame] ?? this.address(frame)
      case 'file': return this.file[frame] ? basename(this.file[frame]) : basename(this.module[frame]) || '<no module>'
      case 'module': return basename(this.module[frame]) || '<no module>'
      case 'line': return this.file[frame] ? `${basename(this.file[frame])}:${this.line[frame]}` : this.address(frame)
      default: return this.function[frame] ? `${this.short[frame]} (${this.label(frame, 'line')})` : this.label(frame, 'line')
    }
  }

  // The same in full, for titles.
  place(frame) {
    if (this.flags[frame] & SPECIAL)
      return ''
    const where = this.file[frame] ? `${this.file[frame]}:${this.line[frame]}` : `${this.module[frame]}+0x${this.offset[frame].toString(16)}`
    return this.file[frame] && this.module[frame] ? `${where}  in ${basename(this.module[frame])}` : where
  }

  key(frame, kind) {
    if (this.flags[frame] & SPECIAL)
      return `special\n${this.function[frame]}`
    const where = this.file[frame] ?? this.module[frame]
    switch (kind) {
      case 'function': return this.function[frame] ? `${this.function[frame]}\n${where}` : `${where}+${this.offset[frame]}`
      case 'file': return where
      case 'module': return this.module[frame]
      case 'line': return this.file[frame] ? `${where}:${this.line[frame]}` : `${where}+${this.offset[frame]}`
      default: return `${this.function[frame] ?? ''}\n${where}:${this.file[frame] ? this.line[frame] : this.offset[frame]}`
    }
  }

  // Per frame the number of its group, and per group a frame that stands for it.
  grouping(kind) {
    let grouping = this.groupings.get(kind)
    if (grouping)
      return grouping
    const numbers = new Map()
    const of = new Int32Array(this.count)
    const frames = []
    for (let i = 0; i < this.count; i++) {
      const key = this.key(i, kind)
      let number = numbers.get(key)
      if (number === undefined) {
        numbers.set(key, number = frames.length)
        frames.push(i)
      }
      of[i] = number
    }
    grouping = { of, frames, count: frames.length }
    this.groupings.set(kind, grouping)
    return grouping
  }
}

// The call stacks of one domain: nodes (0 is the root), and the ends of stacks with their figures.
export class Domain {
  constructor(json, trace) {
    this.name = json.domain
    this.trace = trace
    this.isShortened = json.is_shortened
    this.frames = new Frames(json.frames, json.strings.map(harmless))
    this.readNodes(json.nodes)
    this.readEnds(json.ends)
    this.readHistory(json.history)
  }

  get isTime() {
    return !['heap', 'pool', 'mapped'].includes(this.name)
  }

  readNodes({ step, frame }) {
    this.count = step.length + 1
    this.parent = new Int32Array(this.count)
    this.frame = new Int32Array(this.count).fill(-1)
    for (let i = 1; i < this.count; i++)
      this.parent[i] = i - step[i - 1]
    this.frame.set(frame, 1)
  }

  readEnds(ends) {
    this.endCount = ends.step.length
    this.ends = new Int32Array(this.endCount)
    for (let i = 0, last = 0; i < this.endCount; i++)
      this.ends[i] = last += ends.step[i]
    this.figures = {}
    for (const name of FIGURES)
      if (ends[name])
        this.figures[name] = Float64Array.from(ends[name])
  }

  readHistory(history) {
    const ticks = history?.ticks ?? []
    const total = ticks.reduce((sum, tick) => sum + tick.ends.length, 0)
    this.times = ticks.map(tick => tick.time_ns)
    this.tickStart = new Int32Array(ticks.length + 1)
    this.changeEnd = new Int32Array(total)
    this.changing = CHANGES.filter(name => ticks[0]?.[name])
    this.changes = Object.fromEntries(this.changing.map(name => [name, new Float64Array(total)]))
    ticks.forEach((tick, i) => {
      const at = this.tickStart[i]
      this.changeEnd.set(tick.ends, at)
      for (const name of this.changing)
        this.changes[name].set(tick[name], at)
      this.tickStart[i + 1] = at + tick.ends.length
    })
    this.inherited = history?.inherited ?? []
  }

  // How many ticks there are up to a moment.
  ticksUntil(time) {
    let low = 0
    for (let high = this.times.length; low < high;) {
      const middle = (low + high) >> 1
      if (this.times[middle] <= time)
        low = middle + 1
      else
        high = middle
    }
    return low
  }

  // The figures of the ends as they were at a moment; Infinity: at the end.
  at(time) {
    if (time >= this.trace.duration_ns || !this.times.length)
      return this.figures
    const sums = Object.fromEntries(this.changing.map(name => [name, new Float64Array(this.endCount)]))
    const last = this.tickStart[this.ticksUntil(time)]
    for (const name of this.changing)
      for (let i = 0; i < last; i++)
        sums[name][this.changeEnd[i]] += this.changes[name][i]
    if (this.isTime)
      return sums
    sums.live_bytes = sums.alloc_bytes.map((bytes, i) => bytes - sums.freed_bytes[i])
    sums.live_count = sums.alloc_count.map((count, i) => count - sums.free_count[i])
    for (const [end, count, bytes] of this.inherited) {
      sums.live_count[end] += count
      sums.live_bytes[end] += bytes
    }
    return sums
  }

  // Per tick what was live in all, and allocated until then.
  curve() {
    const points = { time: [0], live: [0], allocated: [0], blocks: [0] }
    let live = this.inherited.reduce((sum, entry) => sum + entry[2], 0)
    let allocated = 0
    let blocks = 0
    points.live[0] = live
    this.times.forEach((time, tick) => {
      for (let i = this.tickStart[tick]; i < this.tickStart[tick + 1]; i++) {
        live += this.changes.alloc_bytes[i] - this.changes.freed_bytes[i]
        allocated += this.changes.alloc_bytes[i]
        blocks += this.changes.alloc_count[i]
      }
      points.time.push(time)
      points.live.push(live)
      points.allocated.push(allocated)
      points.blocks.push(blocks)
    })
    const end = this.trace.duration_ns
    if (end > points.time.at(-1) && this.figures.live_bytes) {
      points.time.push(end)
      points.live.push(sum(this.figures.live_bytes))
      points.allocated.push(this.figures.alloc_bytes ? sum(this.figures.alloc_bytes) : allocated)
      points.blocks.push(this.figures.alloc_count ? sum(this.figures.alloc_count) : blocks)
    }
    return points
  }
}

export function sum(numbers) {
  let total = 0
  for (let i = 0; i < numbers.length; i++)
    total += numbers[i]
  return total
}
