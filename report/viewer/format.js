// SPDX-License-Identifier: BSD-2-Clause
// format.js -- Sizes, counts and times as memtrace prints them.

// As tracemalloc: 10239 B, 10.0 KiB, 8192 KiB.
export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  for (let unit = 0; ; unit++, bytes /= 1024) {
    const magnitude = Math.abs(bytes)
    const isNarrow = unit > 0 && magnitude < 100
    if (!isNarrow && magnitude >= 10 * 1024 && unit + 1 < units.length)
      continue
    return `${isNarrow ? bytes.toFixed(1) : bytes.toFixed(0)} ${units[unit]}`
  }
}

export const count = number => Math.round(number).toLocaleString('en-US')

export function duration(ns) {
  const seconds = ns / 1e9
  if (Math.abs(seconds) < 1)
    return `${Number(seconds.toPrecision(3))} s`
  if (Math.abs(seconds) < 60)
    return `${seconds.toFixed(2)} s`
  const whole = Math.floor(seconds)
  if (whole < 3600)
    return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`
}

// Of samples, which are a millisecond or so: as profilers print it.
export function seconds(ns) {
  const number = ns / 1e9
  return `${number.toFixed(number !== 0 && Math.abs(number) < 0.0005 ? 4 : 3)} s`
}

const signed = format => number => (number > 0 ? '+' : '') + format(number)

// By the unit of a measure.
export const formats = {
  bytes: { value: size, change: signed(size) },
  count: { value: count, change: signed(count) },
  time: { value: seconds, change: signed(seconds) },
}

// Never all or nothing where it is not quite.
export function percent(part, whole) {
  const share = whole ? Math.abs(100 * part / whole) : 0
  if (share === 0 || share >= 99.95 && share < 100)
    return share ? '99.9 %' : '0 %'
  const text = share < 0.05 ? '< 0.1' : share >= 10 && share < 99.5 || share >= 100 ? share.toFixed(0) : share.toFixed(1)
  return `${text} %`
}

// Names come from programs we do not trust: what turns the direction of writing or moves the cursor
// is shown, not obeyed.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
export const harmless = text => text.replace(CONTROL, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const basename = path => path.slice(path.lastIndexOf('/') + 1)
