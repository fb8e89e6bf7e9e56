// SPDX-License-Identifier: BSD-2-Clause
// state.js -- What is shown, as the part of the address behind the #.

const DEFAULTS = {
  tab: 'summary', domain: '', measure: '', by: 'frame', inverted: '', from: '', to: '', at: '', q: '', zoom: '', color: '', upward: '',
  group: 'line', filter: '', sort: '', up: '', file: '', line: '', chosen: '', theme: '',
}

// What would be another place: the browser's Back goes there. All else replaces.
const STEPS = new Set(['tab', 'zoom', 'file', 'chosen', 'from', 'at'])

export function readState() {
  const state = { ...DEFAULTS }
  for (const [key, value] of new URLSearchParams(location.hash.slice(1)))
    if (key in DEFAULTS)
      state[key] = value
  return state
}

export function writeState(state, changed) {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(DEFAULTS))
    if (state[key] !== value)
      parameters.set(key, state[key])
  const hash = `#${parameters}`
  if (hash === (location.hash || '#'))
    return
  if (changed.some(key => STEPS.has(key)))
    history.pushState(null, '', hash)
  else
    history.replaceState(null, '', hash)
}
