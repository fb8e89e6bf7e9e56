// SPDX-License-Identifier: BSD-2-Clause
// curves.js -- What is known of a run over time: from the history of the call sites, the recorder's
// series, and the moments that have names.

const COLORS = {
  live: ['#1e64dc', '#7fb0ff'], old: ['#8a93a0', '#8a93a0'], rss: ['#b4540a', '#f0a868'], rate: ['#2a8a4a', '#7fd1a8'], cpu: ['#8a2be2', '#c79bff'],
}

// Rates have no more steps than this.
const STEPS = 120

const curve = (label, unit, color, points, more = {}) => ({ label, unit, light: COLORS[color][0], dark: COLORS[color][1], ...points, ...more })

// Live bytes: all moments of which they are known, in order.
function live(trace) {
  const heap = trace.domains[0]
  const known = new Map()
  if (heap.name === 'heap') {
    const points = heap.curve()
    points.time.forEach((time, i) => known.set(time, points.live[i]))
  }
  if (!trace.is_filtered) {
    for (const mark of trace.marks)
      known.set(mark.time_ns, mark.live_bytes)
    if (trace.totals.peak_bytes !== undefined)
      known.set(trace.totals.peak_time_ns, trace.totals.peak_bytes)
    const series = trace.points
    series?.time_ns.forEach((time, i) => {
      if (series.live_bytes?.max[i] >= 0)
        known.set(time, series.live_bytes.max[i])
    })
  }
  const time = [...known.keys()].filter(each => each <= trace.duration_ns).sort((a, b) => a - b)
  return { time, value: time.map(each => known.get(each)) }
}

// How fast something rises, per unit of time. Moments close together say little of it.
function slope(time, values, duration, unit) {
  const points = { time: [time[0]], value: [0] }
  let last = 0
  for (let i = 1; i < time.length; i++) {
    const span = time[i] - time[last]
    if (span <= 0 || (span < duration / STEPS && i + 1 < time.length))
      continue
    if (span >= duration / STEPS / 4) {
      points.time.push(time[i])
      points.value.push(Math.max(0, values[i] - values[last]) / span * unit)
    }
    last = i
  }
  return points
}

// Bytes allocated per second, between two moments.
function rate(trace) {
  const heap = trace.domains[0]
  const { time, allocated } = heap.curve()
  return slope(time, allocated, trace.duration_ns, 1e9)
}

function gauge(series, name) {
  const points = { time: [], value: [] }
  series[name]?.max.forEach((value, i) => {
    if (value < 0)
      return
    points.time.push(series.time_ns[i])
    points.value.push(value)
  })
  return points
}

// Processor time per time, of all threads: 100 is one processor.
function cpu(series, duration) {
  const known = [...series.time_ns.keys()].filter(i => series.cpu_user_ns[i] >= 0 && series.cpu_system_ns[i] >= 0)
  if (known.length < 2)
    return { time: [], value: [] }
  return slope(known.map(i => series.time_ns[i]), known.map(i => series.cpu_user_ns[i] + series.cpu_system_ns[i]), duration, 100)
}

export function curvesOf(trace, old) {
  if (trace.as_of || old?.as_of)
    return []
  const curves = [curve(old ? 'heap, new' : 'heap', 'bytes', 'live', live(trace), { isFilled: true })]
  if (old)
    return [curve('heap, old', 'bytes', 'old', live(old), { dash: [6, 4] }), ...curves]
  const series = trace.points
  if (series) {
    const rss = gauge(series, 'rss_bytes')
    if (rss.time.length)
      curves.push(curve('resident set', 'bytes', 'rss', rss))
  }
  if (trace.domains[0].times.length > 1)
    curves.push(curve('allocated', 'rate', 'rate', rate(trace), { isStepped: true }))
  if (series?.cpu_user_ns) {
    const used = cpu(series, trace.duration_ns)
    if (used.time.length > 1)
      curves.push(curve('CPU', 'percent', 'cpu', used, { isStepped: true }))
  }
  return curves
}
