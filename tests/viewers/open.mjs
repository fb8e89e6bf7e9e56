// SPDX-License-Identifier: BSD-2-Clause
// open.mjs -- Opens an export in a viewer that is a web page, headless, and prints what it shows.
//
//   node open.mjs CHROMIUM speedscope FILE PAGE [SCREENSHOT]    the rows of its table of functions
//   node open.mjs CHROMIUM dhat FILE PAGE [SCREENSHOT]          the text of the page
//
// Prints {"shown": …, "requests": [every address that is not a file's], "dialogs": [their texts]}.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

// Modules are where this is run, not where it is.
const { chromium } = createRequire(path.join(process.cwd(), 'here.js'))('playwright-core')
const [executablePath, viewer, file, html, screenshot] = process.argv.slice(2)

const open = {
  // Files come in by a script: a page that is a file itself may not read others.
  async speedscope(page) {
    const script = path.resolve(`${file}.js`)
    const contents = readFileSync(file).toString('base64')
    writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(path.basename(file))}, "${contents}")`)
    await page.goto(`${pathToFileURL(html)}#localProfilePath=${script}`)
    await page.getByText('Left Heavy').waitFor()
    await page.keyboard.press('3') // the table
    await page.waitForFunction(() => /Symbol Name\n[^]*%\)/.test(document.body.innerText)) // with rows
    return page.evaluate(() => [...document.querySelectorAll('tr')].map(row => [...row.cells].map(cell => cell.innerText.trim())))
  },

  async dhat(page) {
    await page.goto(pathToFileURL(html).href)
    await page.setInputFiles('input[type=file]', file)
    await page.getByText('Invocation {').waitFor()
    return page.innerText('body')
  },
}

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
})
const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
const requests = []
const dialogs = []
page.setDefaultTimeout(120000)
page.on('request', request => /^(file|blob|data):/.test(request.url()) || requests.push(request.url()))
page.on('dialog', dialog => dialogs.push(dialog.message()) && dialog.dismiss())
try {
  const shown = await open[viewer](page)
  if (screenshot)
    await page.screenshot({ path: screenshot })
  console.log(JSON.stringify({ shown, requests, dialogs }))
} catch (error) {
  console.error(String(error), dialogs)
  process.exitCode = 1
} finally {
  await browser.close()
}
