// SPDX-License-Identifier: BSD-2-Clause
// errors.js -- How far a time in samples is off, as a standard error: the same that memtrace report
// and memtrace diff reckon with.
import { inclusives, selves } from './statistics.js'
import { measuresOf, weigh } from './measures.js'
import { seconds } from './format.js'
import { sum } from './trace.js'

// Of the whole, so many of so many samples fell on the part.
export function shareError(part, samples, time) {
  if (samples <= 0 || part > samples)
    return 0
  const share = part / samples
  return time * Math.sqrt(share * (1 - share) / samples)
}

// Counts of samples in two runs are Poisson's; where there are none, one is reckoned with.
function changeError(after, before) {
  const variance = (side, other) => {
    const known = side.samples ? side : other
    const period = known.samples ? known.time / known.samples : 0
    return Math.max(side.samples, 1) * period * period
  }
  return Math.sqrt(variance(after, before) + variance(before, after))
}

// Per group of the domain the errors of its own time and of that with all it calls; null where
// figures are no times.
export function errorsOf(domain, kind, measure, selection) {
  const measures = measuresOf(domain, selection)
  const samples = measures.find(each => each.id === 'samples')
  if (measure.id !== 'time' || !samples)
    return null
  const counts = weigh(domain, samples, selection)
  const times = weigh(domain, measures.find(each => each.id === 'time'), selection)
  const of = sums => {
    const perGroup = weights => sums(domain, kind, { after: weights, before: null })
    const after = perGroup(counts.after)
    if (!counts.before) {
      const [allSamples, allTime] = [sum(counts.after), sum(times.after)]
      return after.map(number => shareError(number, allSamples, allTime))
    }
    const [before, afterTime, beforeTime] = [counts.before, times.after, times.before].map(perGroup)
    return after.map((number, i) => changeError({ samples: number, time: afterTime[i] }, { samples: before[i], time: beforeTime[i] }))
  }
  return { self: of(selves), total: of(inclusives) }
}

export const plusMinus = error => error ? ` ± ${seconds(error).replace(/ s$/, '')}` : ''
