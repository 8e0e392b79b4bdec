import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

let folder: string
let kept: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podhop-compiled-'))
  kept = join(folder, 'kept')
  mkdirSync(join(folder, 'chunks'))
  write('main.cjs', "const { greet } = require('./chunks/part.cjs')\nprocess.stdout.write(greet(require('node:path').basename(__filename)))")
  write('chunks/part.cjs', 'exports.greet = (name) => `hello, ${name} \\u2026`')
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
const start = (purpose = 'run'): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', `import { requireCompiled } from ${JSON.stringify(pathToFileURL(resolve('electron/cli/compiled.mjs')).href)}\nrequireCompiled(${JSON.stringify(join(folder, 'main.cjs'))}, ${JSON.stringify(kept)}, ${JSON.stringify(purpose)})`]).toString()
const HELLO = 'hello, main.cjs …'

it('runs a program of several files, and keeps what was compiled of each for the next start', () => {
  expect(start()).toBe(HELLO)
  const first = readdirSync(kept).sort()
  expect(first.map((name) => name.split('.')[0])).toEqual(['main', 'part'])
  const bytes = first.map((name) => readFileSync(join(kept, name)))
  expect(start()).toBe(HELLO)
  expect(readdirSync(kept).sort()).toEqual(first)
  // V8 took them: what it refuses is written anew, with another mark of the time
  expect(first.map((name) => readFileSync(join(kept, name)))).toEqual(bytes)
})

it('a file that has changed is compiled anew, even one of the same length; what was kept of the old one goes', () => {
  start()
  write('chunks/part.cjs', 'exports.greet = (name) => `howdy, ${name} \\u2026`')
  utimesSync(join(folder, 'chunks/part.cjs'), 1e9, 1e9)
  expect(start()).toBe(HELLO.replace('hello', 'howdy'))
  expect(readdirSync(kept)).toHaveLength(2)
})

it('reads what is not ASCII as UTF-8', () => {
  write('chunks/part.cjs', 'exports.greet = (name) => `grüezi, ${name} …`')
  expect([start(), start()]).toEqual(Array(2).fill(HELLO.replace('hello', 'grüezi')))
})

it('each purpose has its own', () => {
  start('run')
  start('serve')
  expect(readdirSync(kept)).toHaveLength(4)
})

it('what was spoilt is replaced, and a folder that cannot be made does not matter', () => {
  start()
  for (const name of readdirSync(kept)) writeFileSync(join(kept, name), 'spoilt')
  expect(start()).toBe(HELLO)
  for (const name of readdirSync(kept)) expect(readFileSync(join(kept, name)).toString()).not.toBe('spoilt')
  rmSync(kept, { recursive: true })
  writeFileSync(kept, 'a file')
  expect(start()).toBe(HELLO)
  expect(readFileSync(kept).toString()).toBe('a file')
})
