// SPDX-License-Identifier: BSD-2-Clause
// timeline.js -- The run over time, and the moment or the range of it that is looked at.
import uPlot from 'uplot'
import { duration, size } from './format.js'
import { isDark } from './colors.js'

const HEIGHT = 170
const CLICK_PIXELS = 4

// on.select(selection): null, {at} or {from, to}
export class Timeline {
  constructor(element, on) {
    this.element = element
    this.on = on
    new ResizeObserver(() => this.plot?.setSize({ width: this.width, height: HEIGHT })).observe(element)
  }

  get width() {
    return Math.max(this.element.clientWidth, 200)
  }

  // curves: [{label, unit: 'bytes' | 'rate' | 'percent', time: [ns], value: []}]
  show({ curves, marks, duration: end, canSelect }) {
    this.plot?.destroy()
    this.end = end
    this.marks = marks
    this.canSelect = canSelect
    this.curves = curves
    const tables = curves.map(curve => [curve.time.map(time => time / 1e9), curve.value])
    const data = tables.length ? uPlot.join(tables) : [[0, end / 1e9]]
    this.plot = new uPlot(this.options(curves), data, this.element)
    this.listen(this.plot.over)
    this.plot.root.querySelector('.u-legend')?.setAttribute('aria-label', 'values under the pointer')
  }

  options(curves) {
    const dark = isDark()
    const ink = dark ? '#c3c9d1' : '#444b54'
    const grid = { stroke: dark ? '#333941' : '#e4e7eb', width: 1 }
    const units = [...new Set(curves.map(curve => curve.unit))]
    const format = { bytes: size, rate: value => `${size(value)}/s`, percent: value => `${Number(value.toPrecision(3))} %` }
    const axis = (unit, i) => ({
      scale: unit, side: i ? 1 : 3, stroke: ink, grid: i ? { show: false } : grid, ticks: { show: false }, size: 76,
      values: (_, ticks) => ticks.map(tick => tick === null ? '' : format[unit](tick)),
      ...(unit === 'percent' ? {} : { incrs: Array.from({ length: 50 }, (_, k) => [1, 2, 4, 8].map(n => n * 16 ** k)).flat().filter(n => n < 2 ** 50) }),
    })
    return {
      width: this.width,
      height: HEIGHT,
      legend: { live: true },
      cursor: { drag: { x: this.canSelect, y: false, setScale: false }, points: { size: 6 } },
      scales: {
        x: { time: false, range: () => [0, Math.max(this.end / 1e9, 1e-9)] },
        ...Object.fromEntries(units.map(unit => [unit, { range: (_, min, max) => [0, (max || 1) * 1.05] }])),
      },
      axes: [
        { stroke: ink, grid, ticks: { show: false }, size: 28, space: 80, values: (_, ticks) => ticks.map(tick => this.timeText(tick)) },
        ...units.slice(0, 2).map(axis),
      ],
      series: [
        { label: 'time', value: (_, value) => value === null ? '—' : duration(value * 1e9) },
        ...curves.map(curve => ({
          label: curve.label,
          scale: curve.unit,
          stroke: dark ? curve.dark : curve.light,
          width: curve.isStepped ? 1 : 1.75,
          alpha: curve.isStepped ? 0.7 : 1,
          fill: curve.isFilled ? (dark ? `${curve.dark}33` : `${curve.light}22`) : undefined,
          dash: curve.dash,
          spanGaps: true,
          paths: curve.isStepped ? uPlot.paths.stepped({ align: -1 }) : undefined,
          points: { show: curve.time.length < 40, size: 4 },
          value: (_, value) => value === null || value === undefined ? '—' : format[curve.unit](value),
        })),
      ],
      hooks: { draw: [plot => this.drawMarks(plot)], setSelect: [plot => this.selected(plot)] },
    }
  }

  // Short runs in units that leave few digits.
  timeText(seconds) {
    const end = this.end / 1e9
    if (end >= 0.1)
      return duration(seconds * 1e9)
    return end >= 1e-4 ? `${Number((seconds * 1e3).toPrecision(4))} ms` : `${Number((seconds * 1e6).toPrecision(4))} µs`
  }

  drawMarks(plot) {
    const { ctx: context, bbox: box } = plot
    const x = time => plot.valToPos(time / 1e9, 'x', true)
    const dark = isDark()
    context.save()
    context.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
    let free = -Infinity
    for (const mark of this.marks) {
      const at = x(mark.time_ns)
      context.strokeStyle = context.fillStyle = dark ? '#9aa4b1' : '#6b7480'
      context.setLineDash(mark.kind.startsWith('phase') ? [2, 3] : [4, 2])
      context.beginPath()
      context.moveTo(at, box.top)
      context.lineTo(at, box.top + box.height)
      context.stroke()
      const text = mark.label ?? (mark.name || mark.kind)
      const cut = text.length > 24 ? `${text.slice(0, 23)}…` : text
      const width = context.measureText(cut).width
      const left = at + 4 + width < box.left + box.width ? at + 4 : at - 4 - width
      if (left > free) {
        context.save() // readable over whatever curve is there
        context.setLineDash([])
        context.strokeStyle = dark ? '#15181d' : '#ffffff'
        context.lineWidth = 4 * devicePixelRatio
        context.lineJoin = 'round'
        context.strokeText(cut, left, box.top + 12 * devicePixelRatio)
        context.restore()
        context.fillText(cut, left, box.top + 12 * devicePixelRatio)
        free = left + width + 8
      }
    }
    this.drawSelection(context, box, x, dark)
    context.restore()
  }

  drawSelection(context, box, x, dark) {
    const { selection } = this
    if (!selection)
      return
    context.setLineDash([])
    context.fillStyle = dark ? 'rgba(120,170,255,.22)' : 'rgba(30,100,220,.14)'
    context.strokeStyle = dark ? '#7fb0ff' : '#1e64dc'
    context.lineWidth = 2 * devicePixelRatio
    const from = x(selection.from ?? selection.at)
    const to = x(selection.to ?? selection.at)
    context.fillRect(from, box.top, to - from, box.height)
    context.beginPath()
    for (const at of [from, to]) {
      context.moveTo(at, box.top)
      context.lineTo(at, box.top + box.height)
    }
    context.stroke()
  }

  time(x) {
    return Math.max(0, Math.min(this.end, this.plot.posToVal(x, 'x') * 1e9))
  }

  // A drag is a range, a click a moment.
  selected(plot) {
    const { left, width } = plot.select
    if (!this.canSelect || width < CLICK_PIXELS)
      return
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.on.select({ from: this.time(left), to: this.time(left + width) })
  }

  listen(over) {
    let begin = 0
    over.addEventListener('mousedown', event => { begin = event.clientX })
    over.addEventListener('click', event => {
      if (this.canSelect && Math.abs(event.clientX - begin) < CLICK_PIXELS)
        this.on.select({ at: this.time(event.clientX - over.getBoundingClientRect().left) })
    })
  }

  mark(selection) {
    this.selection = selection
    this.plot?.redraw(false)
  }
}
