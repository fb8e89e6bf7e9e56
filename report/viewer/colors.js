// SPDX-License-Identifier: BSD-2-Clause
// colors.js -- The colours of frames, in light and in dark.

export const isDark = () => {
  const chosen = document.documentElement.dataset.theme
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
}

function hash(text) {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++)
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 12)) >>> 0
}

// The same name has the same colour in every page; frames of the runtime are grey.
export class Palette {
  constructor(frames, by) {
    const dark = isDark()
    this.ink = dark ? '#f2f2f2' : '#1a1a1a'
    this.border = dark ? '#15181d' : '#ffffff'
    this.root = dark ? '#3a414b' : '#d7dce2'
    this.hidden = dark ? '#4a4f57' : '#c4c8ce'
    this.match = dark ? '#b5179e' : '#f0a6ff'
    this.dim = dark ? '#2b3037' : '#eceff2'
    this.focus = dark ? '#ffffff' : '#000000'
    this.dark = dark
    this.frames = frames
    this.by = by
    this.cache = new Map()
  }

  // Spread a little, so that neighbours can be told apart.
  frame(index) {
    if (index < 0)
      return this.root
    let color = this.cache.get(index)
    if (color)
      return color
    const { frames } = this
    const name = this.by === 'function' ? frames.function[index] ?? '' : this.by === 'file' ? frames.file[index] ?? frames.module[index]
      : frames.module[index]
    const tint = hash(frames.label(index, 'function')) % 7 - 3
    const hue = hash(name) % 360
    const saturation = frames.isRuntime(index) ? 6 : this.dark ? 38 : 62
    const light = (this.dark ? 36 : 76) + tint * (this.dark ? 1.2 : 1.5)
    color = `hsl(${hue} ${saturation}% ${light}%)`
    this.cache.set(index, color)
    return color
  }

  // share: from -1, all gone, to 1, all new.
  change(share) {
    const strength = Math.min(1, Math.abs(share))
    if (strength < 0.001)
      return this.dark ? '#444a53' : '#e4e6ea'
    const hue = share > 0 ? 4 : 214
    return this.dark ? `hsl(${hue} ${25 + 50 * strength}% ${30 + 14 * strength}%)` : `hsl(${hue} ${45 + 40 * strength}% ${90 - 26 * strength}%)`
  }
}
