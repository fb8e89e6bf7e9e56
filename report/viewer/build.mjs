// SPDX-License-Identifier: BSD-2-Clause
// build.mjs -- Bundles the page into one file: page.html with the styles and the script in it, and a
// policy that lets nothing else run or load.
//
//   node build.mjs NODE_MODULES PAGE.HTML DEPFILE
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [modules, output, depfile] = process.argv.slice(2)
const source = path.dirname(fileURLToPath(import.meta.url))
const esbuild = createRequire(path.join(modules, 'here.js'))('esbuild')

const result = await esbuild.build({
  absWorkingDir: source,
  entryPoints: { page: 'main.js', style: 'page.css' },
  bundle: true,
  minify: true,
  format: 'iife',
  charset: 'utf8',
  target: ['chrome110', 'firefox115', 'safari16.4'],
  nodePaths: [modules],
  legalComments: 'none',
  outdir: path.dirname(output),
  write: false,
  metafile: true,
})
const text = suffix => result.outputFiles.find(file => file.path.endsWith(suffix)).text.trim()
const digest = content => `'sha256-${createHash('sha256').update(content).digest('base64')}'`

// A browser ends a script at the first of these, wherever it is.
const script = text('.js').replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
const style = text('.css').replaceAll('</style', '<\\/style')
const policy = [
  "default-src 'none'",
  `script-src ${digest(script)}`,
  `style-src ${digest(style)}`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const template = readFileSync(path.join(source, 'page.html'), 'utf8')
const put = (page, slot, content) => page.replace(slot, () => content)
let page = template.replace(/<!-- SPDX[^]*?-->\n/, '')
for (const [slot, content] of [['@POLICY@', policy], ['@STYLE@', style], ['@SCRIPT@', script]])
  page = put(page, slot, content)
// The order is what page.c relies on: the first slot of that name is the data's.
if (page.indexOf('@DATA@') !== page.lastIndexOf('@DATA@'))
  throw new Error('more than one place for the data')
writeFileSync(output, page)

const inputs = Object.keys(result.metafile.inputs).map(file => path.resolve(source, file))
inputs.push(path.join(source, 'page.html'))
writeFileSync(depfile, `${output}: ${inputs.map(file => file.replaceAll(' ', '\\ ')).join(' ')}\n`)
