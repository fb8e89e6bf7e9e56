// SPDX-License-Identifier: BSD-2-Clause
// page.mjs -- Opens a page of memtrace html, headless, does as a list of steps says, and prints what
// it saw.
//
//   node page.mjs CHROMIUM PAGE STEPS.JSON
//
// STEPS.JSON is a list of [verb, argument …]; prints {"seen": [one per step], "requests": [every
// address but the page's own], "dialogs", "errors": [what the console and scripts complained of]}.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

// Modules are where this is run, not where it is.
const { chromium } = createRequire(path.join(process.cwd(), 'here.js'))('playwright-core')
const [executablePath, file, stepsFile] = process.argv.slice(2)
const address = pathToFileURL(path.resolve(file)).href

const ready = page => page.waitForSelector('body[data-ready]', { timeout: 120000 })

// Waits until what was asked for has been drawn: two frames, as drawing is put off to the next one.
const settled = page => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))

const verbs = {
  async open(page, hash = '') {
    await page.goto('about:blank')
    await page.goto(address + (hash ? `#${hash}` : ''))
    await ready(page)
    await settled(page)
    return page.title()
  },
  async text(page, selector) {
    return (await page.innerText(selector)).trim()
  },
  async count(page, selector) {
    return page.locator(selector).count()
  },
  async click(page, selector) {
    await page.click(selector)
    await settled(page)
  },
  async choose(page, selector, value) {
    await page.selectOption(selector, value)
    await settled(page)
  },
  async fill(page, selector, value) {
    await page.fill(selector, value)
    await settled(page)
  },
  async press(page, ...keys) {
    for (const key of keys)
      await page.keyboard.press(key)
    await settled(page)
  },
  async focus(page, selector) {
    await page.focus(selector)
  },
  async hash(page) {
    return page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))))
  },
  async back(page) {
    await page.goBack()
    await settled(page)
  },
  // Shares of an element's width and height.
  async point(page, selector, x, y, action = 'click') {
    await page.locator(selector).scrollIntoViewIfNeeded()
    const box = await page.locator(selector).boundingBox()
    const at = share => [box.x + box.width * share, box.y + (y < 1 ? box.height * y : y)]
    if (action === 'drag') {
      await page.mouse.move(...at(x[0]))
      await page.mouse.down()
      await page.mouse.move(...at((x[0] + x[1]) / 2), { steps: 4 })
      await page.mouse.move(...at(x[1]), { steps: 4 })
      await page.mouse.up()
    } else {
      await page.mouse.move(...at(x))
      if (action === 'click')
        await page.mouse.click(...at(x))
    }
    await settled(page)
  },
  // The source at hand: per line what its columns show, by their titles.
  async source(page) {
    return page.evaluate(() => {
      const { grid } = globalThis.memtracePage.views.source
      const columns = grid.columns.filter(column => column.text)
      return grid.rows.map(row => Object.fromEntries(columns.map(column => [column.title, column.text(row)])))
    })
  },
  // All rows of the table, those out of sight included: [[what the cells say], …]
  async rows(page, view = 'table') {
    return page.evaluate(name => {
      const { grid } = globalThis.memtracePage.views[name]
      const text = (column, row) => {
        const cell = document.createElement('div')
        document.createElement('div').append(cell)
        if (!column.fill)
          return column.text(row)
        column.fill(cell, row)
        return cell.textContent
      }
      return grid.rows.map(row => grid.columns.map(column => text(column, row)))
    }, view)
  },
  // The figures behind these rows, with what names them.
  async figures(page) {
    return page.evaluate(() => {
      const page = globalThis.memtracePage
      const { frames } = page.domain
      return page.views.table.rows.map(row => ({
        file: frames.file[row.frame], line: frames.line[row.frame], function: frames.function[row.frame], module: frames.module[row.frame],
        offset: frames.offset[row.frame], label: row.label, total: row.total,
        error: row.label ? undefined : page.views.table.errors.map(errors => errors && [errors.self[row.group], errors.total[row.group]]).find(Boolean),
        values: Object.fromEntries((row.label ? page.views.table.columns : page.measures).slice(0, row.values.length).map((column, i) => [column.id, row.values[i]])),
      }))
    })
  },
  async flame(page) {
    return page.evaluate(() => {
      const { flame, tree } = globalThis.memtracePage
      return { drawn: flame.drawn.map(node => tree.label(node)), zoomed: tree.label(flame.zoomed), total: tree.total[0], count: tree.count, height: tree.height,
        focused: flame.focused < 0 ? null : tree.label(flame.focused), change: tree.change ? tree.change[0] : null }
    })
  },
  async pixels(page) {
    return page.evaluate(() => {
      const canvas = document.getElementById('canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const colors = new Set()
      for (let i = 0; i < data.length; i += 4 * 97)
        colors.add(`${data[i]},${data[i + 1]},${data[i + 2]},${data[i + 3]}`)
      return colors.size
    })
  },
  async evaluate(page, expression) {
    return page.evaluate(expression)
  },
  async scheme(page, colorScheme) {
    await page.emulateMedia({ colorScheme })
    await settled(page)
  },
  async screenshot(page, name) {
    await page.screenshot({ path: name })
  },
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
const seen = []
const requests = []
const dialogs = []
const errors = []
page.setDefaultTimeout(60000)
page.on('request', request => request.url().split('#')[0] === address || request.url() === 'about:blank' || request.url() === 'data:,' ||
  requests.push(request.url()))
page.on('dialog', dialog => dialogs.push(dialog.message()) && dialog.dismiss())
page.on('console', message => errors.push(`${message.type()}: ${message.text()}`))
page.on('pageerror', error => errors.push(String(error)))
try {
  for (const [verb, ...rest] of JSON.parse(readFileSync(stepsFile, 'utf8'))) {
    try {
      seen.push(await verbs[verb](page, ...rest) ?? null)
    } catch (error) {
      throw new Error(`${verb} ${JSON.stringify(rest)}: ${error.message}`)
    }
  }
  console.log(JSON.stringify({ seen, requests, dialogs, errors }))
} catch (error) {
  console.error(String(error), errors, dialogs)
  process.exitCode = 1
} finally {
  await browser.close()
}
