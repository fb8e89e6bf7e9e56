// SPDX-License-Identifier: BSD-2-Clause
// flame.js -- The flame graph: a tree on a canvas, of which only what can be seen is drawn.
import { formats, percent } from './format.js'
import { Palette } from './colors.js'
import { plusMinus, shareError } from './errors.js'

const ROW = 20
const PIXELS_MIN = 0.5
const TEXT_MIN = 28
const PRINTED = 0.85 // of its width: what is left of an upright page below the timeline
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'

export class Flame {
  // elements: scroller, canvas, spacer, tooltip; on: {zoom, focus}
  constructor(elements, on) {
    Object.assign(this, elements)
    this.on = on
    this.context = this.canvas.getContext('2d')
    this.zoomed = 0
    this.focused = -1
    this.hovered = -1
    this.matches = null
    this.isUpward = false
    this.scroller.addEventListener('scroll', () => this.later())
    new ResizeObserver(() => this.later()).observe(this.scroller)
    this.canvas.addEventListener('mousemove', event => this.hover(event))
    this.canvas.addEventListener('mouseleave', () => this.leave())
    this.canvas.addEventListener('click', event => this.click(event))
    this.scroller.addEventListener('keydown', event => this.key(event))
  }

  // samples: how many the figures come from, 0: they are no times
  show(tree, measure, colorBy, samples) {
    this.tree = tree
    this.samples = samples
    this.measure = measure
    this.palette = new Palette(tree.frames, colorBy)
    this.matches = null
    this.focused = this.hovered = -1
    this.zoomed = 0
    this.layout()
  }

  recolor(colorBy) {
    this.palette = new Palette(this.tree.frames, colorBy)
    this.later()
  }

  zoom(node) {
    this.zoomed = node
    this.scroller.scrollTop = this.isUpward ? this.scroller.scrollHeight : 0
    this.layout()
  }

  // Rows below the deepest node that is there are not needed.
  layout() {
    const rows = this.tree.height + 1
    this.rows = rows
    this.spacer.style.height = `${rows * ROW + 2}px`
    this.later()
  }

  // matches: per frame whether it is one; returns what they weigh, each stack once.
  search(matches) {
    this.matches = matches
    this.later()
    if (!matches)
      return 0
    const { tree } = this
    const isInside = new Uint8Array(tree.count)
    let weight = 0
    for (let i = 1; i < tree.count; i++) {
      const isMatch = matches[tree.frame[i]]
      const wasInside = isInside[tree.parent[i]]
      if (isMatch && !wasInside)
        weight += tree.total[i]
      isInside[i] = isMatch | wasInside
    }
    return weight
  }

  later() {
    if (this.isDue)
      return
    this.isDue = true
    requestAnimationFrame(() => {
      this.isDue = false
      this.draw()
    })
  }

  // --- geometry ---

  // The range of the figure that is as wide as the canvas.
  get scale() {
    return this.width / (this.tree.total[this.zoomed] || 1)
  }

  left(node) {
    return (this.tree.begin[node] - this.tree.begin[this.zoomed]) * this.scale
  }

  top(depth) {
    return (this.isUpward ? this.rows - 1 - depth : depth) * ROW - this.scroller.scrollTop
  }

  // --- drawing ---

  // Paper does not scroll: as much as goes on a page.
  print() {
    if (!this.tree)
      return
    this.scroller.scrollTop = 0
    this.draw(Math.min(this.rows * ROW + 2, this.scroller.clientWidth * PRINTED))
  }

  draw(height = this.scroller.clientHeight) {
    const { canvas, scroller, context } = this
    if (!this.tree || !scroller.clientWidth || !scroller.clientHeight)
      return
    const ratio = devicePixelRatio || 1
    this.width = scroller.clientWidth
    this.viewHeight = height
    if (canvas.width !== Math.round(this.width * ratio) || canvas.height !== Math.round(this.viewHeight * ratio)) {
      canvas.width = Math.round(this.width * ratio)
      canvas.height = Math.round(this.viewHeight * ratio)
      canvas.style.width = `${this.width}px`
      canvas.style.height = `${this.viewHeight}px`
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, this.width, this.viewHeight)
    context.font = FONT
    context.textBaseline = 'middle'
    this.drawn = []
    for (const node of this.tree.path(this.zoomed))
      this.box(node, 0, this.width)
    this.drawBelow()
    this.outline()
    canvas.dataset.drawn = this.drawn.length
  }

  drawBelow() {
    const { tree } = this
    const queue = [this.zoomed]
    while (queue.length) {
      const node = queue.pop()
      const depth = tree.depth[node] + 1
      if (this.isOut(depth))
        continue
      for (let c = tree.childStart[node]; c < tree.childStart[node + 1]; c++) {
        const child = tree.children[c]
        const width = tree.total[child] * this.scale
        const left = this.left(child)
        if (width < PIXELS_MIN) {
          this.rest(node, c, left, depth)
          break
        }
        this.box(child, left, width)
        queue.push(child)
      }
    }
  }

  // Beyond the last row that can be seen, there is nothing more to descend to.
  isOut(depth) {
    const top = this.top(depth)
    return this.isUpward ? top + ROW < 0 : top > this.viewHeight
  }

  // Children that are too narrow, as one.
  rest(node, from, left, depth) {
    const { tree } = this
    let weight = 0
    for (let c = from; c < tree.childStart[node + 1]; c++)
      weight += tree.total[tree.children[c]]
    const width = weight * this.scale
    const top = this.top(depth)
    if (width < 1 || top + ROW < 0 || top > this.viewHeight)
      return
    this.context.fillStyle = this.palette.hidden
    this.context.fillRect(left, top + 1, width - 0.5, ROW - 1)
  }

  color(node) {
    const { tree, palette } = this
    if (this.matches && node && this.matches[tree.frame[node]])
      return palette.match
    if (tree.change && node)
      return palette.change(tree.total[node] ? tree.change[node] / tree.total[node] : 0)
    if (this.matches && node)
      return palette.dim
    return palette.frame(node ? tree.frame[node] : -1)
  }

  box(node, left, width) {
    const { context, tree } = this
    const top = this.top(tree.depth[node])
    if (top + ROW < 0 || top > this.viewHeight)
      return
    this.drawn.push(node)
    context.globalAlpha = node !== this.zoomed && tree.depth[node] < tree.depth[this.zoomed] ? 0.55 : 1
    context.fillStyle = this.color(node)
    context.fillRect(left, top + 1, Math.max(width - 0.5, 0.5), ROW - 1)
    if (width >= TEXT_MIN)
      this.text(node === 0 ? this.rootLabel() : tree.label(node), left, top, width)
    context.globalAlpha = 1
  }

  rootLabel() {
    const { tree, measure } = this
    const format = formats[measure.unit]
    return tree.change ? `all ${format.change(tree.change[0])}` : `all ${format.value(tree.total[0])}`
  }

  text(label, left, top, width) {
    const { context } = this
    const start = Math.max(left, 0) + 4
    const room = Math.min(left + width, this.width) - start - 3
    const fits = Math.floor(room / 5.2)
    if (fits < 3)
      return
    let text = label.length > fits + 8 ? label.slice(0, fits + 8) : label
    if (context.measureText(text).width > room || text.length < label.length) {
      while (text.length > 1 && context.measureText(`${text}…`).width > room)
        text = text.slice(0, -1)
      text += '…'
    }
    context.fillStyle = this.palette.ink
    context.fillText(text, start, top + ROW / 2 + 1)
  }

  outline() {
    for (const [node, width] of [[this.hovered, 1], [this.focused, 2]]) {
      if (node < 0)
        continue
      const isAncestor = this.tree.depth[node] <= this.tree.depth[this.zoomed]
      this.context.strokeStyle = this.palette.focus
      this.context.lineWidth = width
      this.context.strokeRect((isAncestor ? 0 : this.left(node)) + 0.5, this.top(this.tree.depth[node]) + 1.5,
        Math.max((isAncestor ? this.width : this.tree.total[node] * this.scale) - 1.5, 1), ROW - 2)
    }
  }

  // --- the pointer ---

  // The node that is drawn at a point, -1: none.
  nodeAt(x, y) {
    const { tree } = this
    const row = Math.floor((y + this.scroller.scrollTop) / ROW)
    const depth = this.isUpward ? this.rows - 1 - row : row
    const path = tree.path(this.zoomed)
    if (depth < path.length)
      return depth >= 0 ? path[depth] : -1
    let node = this.zoomed
    while (tree.depth[node] < depth) {
      const children = tree.children
      let next = -1
      for (let c = tree.childStart[node]; c < tree.childStart[node + 1]; c++) {
        const width = tree.total[children[c]] * this.scale
        const left = this.left(children[c])
        if (width < PIXELS_MIN)
          break
        if (x >= left && x < left + width) {
          next = children[c]
          break
        }
      }
      if (next < 0)
        return -1
      node = next
    }
    return node
  }

  hover(event) {
    const box = this.canvas.getBoundingClientRect()
    const node = this.nodeAt(event.clientX - box.left, event.clientY - box.top)
    if (node !== this.hovered) {
      this.hovered = node
      this.later()
    }
    this.canvas.style.cursor = node < 0 ? 'default' : 'pointer'
    this.tooltip.hidden = node < 0
    if (node < 0)
      return
    this.tooltip.replaceChildren(...this.describe(node).map(line => {
      const element = document.createElement('div')
      element.textContent = line
      return element
    }))
    const { offsetWidth: width, offsetHeight: height } = this.tooltip
    const x = event.clientX + 14 + width > innerWidth ? Math.max(event.clientX - width - 10, 0) : event.clientX + 14
    const y = event.clientY + 16 + height > innerHeight ? Math.max(event.clientY - height - 10, 0) : event.clientY + 16
    this.tooltip.style.left = `${x}px`
    this.tooltip.style.top = `${y}px`
  }

  leave() {
    this.hovered = -1
    this.tooltip.hidden = true
    this.later()
  }

  click(event) {
    const box = this.canvas.getBoundingClientRect()
    const node = this.nodeAt(event.clientX - box.left, event.clientY - box.top)
    if (node < 0)
      return
    this.focused = node
    this.tooltip.hidden = true
    this.on.zoom(node)
  }

  // Samples stand for about the same time each.
  error(time) {
    const { tree, samples } = this
    return samples && this.measure.id === 'time' ? plusMinus(shareError(time / tree.total[0] * samples, samples, tree.total[0])) : ''
  }

  // What is to be said of a node, in lines.
  describe(node) {
    const { tree, measure } = this
    const format = formats[measure.unit]
    if (node === 0)
      return [`everything: ${tree.change ? format.change(tree.change[0]) : format.value(tree.total[0])}  ${measure.title}`]
    const frame = tree.frame[node]
    const { frames } = tree
    const figures = tree.change
      ? `${format.change(tree.change[node])}  of ${format.value(tree.total[node])}`
      : `${format.value(tree.total[node])}${this.error(tree.total[node])}  ${percent(tree.total[node], tree.total[0])} of all`
    const own = tree.self[node] > 0 && !tree.change ? `, ${format.value(tree.self[node])}${this.error(tree.self[node])} by itself` : ''
    return [frames.function[frame] ?? frames.address(frame), frames.place(frame) + (frames.isInlined(frame) ? '  (inlined)' : ''),
      `${figures}${own}`].filter(line => line)
  }

  // --- the keyboard ---

  key(event) {
    const { tree } = this
    if (!tree || event.ctrlKey || event.metaKey || event.altKey)
      return
    const at = this.focused < 0 ? this.zoomed : this.focused
    const siblings = tree.children.subarray(tree.childStart[tree.parent[at]], tree.childStart[tree.parent[at] + 1])
    const place = siblings.indexOf(at)
    const inwards = () => tree.childStart[at] < tree.childStart[at + 1] ? tree.children[tree.childStart[at]] : at
    const outwards = () => at ? tree.parent[at] : 0
    const moves = {
      ArrowDown: this.isUpward ? outwards : inwards,
      ArrowUp: this.isUpward ? inwards : outwards,
      ArrowLeft: () => place > 0 ? siblings[place - 1] : at,
      ArrowRight: () => at && place + 1 < siblings.length ? siblings[place + 1] : at,
      Home: () => 0,
    }
    if (event.key === 'Enter' || event.key === ' ') {
      this.focused = at
      this.on.zoom(at)
    } else if (event.key === 'Escape' || event.key === 'Backspace') {
      this.focused = this.zoomed
      this.on.zoom(event.key === 'Escape' ? 0 : tree.parent[this.zoomed])
    } else if (moves[event.key]) {
      const node = moves[event.key]()
      this.focus(tree.total[node] > 0 ? node : at)
    } else {
      return
    }
    event.preventDefault()
    event.stopPropagation()
  }

  focus(node) {
    const { tree } = this
    this.focused = node
    const isInside = tree.path(node).includes(this.zoomed) || tree.path(this.zoomed).includes(node)
    if (!isInside || tree.total[node] * this.scale < 2)
      this.on.zoom(tree.parent[node])
    const top = this.top(tree.depth[node])
    if (top < 0)
      this.scroller.scrollTop += top
    else if (top + ROW > this.viewHeight)
      this.scroller.scrollTop += top + ROW - this.viewHeight
    this.on.focus(this.describe(node).join(', '))
    this.later()
  }
}
