import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it, vi } from 'vitest'
import { lockFolder, writeAtomically } from './files.ts'
import { ProgressStore } from './progress.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'podhop-progress-'))
const fail = (text: string): never => {
  throw new Error(text)
}
const store = (where: string, options: { readOnly?: boolean; onTrouble?: (text: string) => void } = {}): ProgressStore => new ProgressStore(where, { readOnly: false, onTrouble: fail, ...options })
const some = { passed: { one: 1 }, answers: {}, hints: { one: 2 }, variables: {} }

describe('the progress of a student', () => {
  it('is written a moment later, and read again', () => {
    vi.useFakeTimers()
    const where = folder()
    const first = store(where)
    first.setOpen('lab-a')
    first.setLab('lab-a', 2, false, some)
    expect(existsSync(join(where, 'progress.json'))).toBe(false)
    vi.advanceTimersByTime(500)
    vi.useRealTimers()
    const second = store(where)
    expect([second.open, second.lab('lab-a')]).toEqual(['lab-a', { stepsPassed: 2, finished: false, progress: some }])
    second.forget('lab-a')
    second.flush()
    expect(store(where).lab('lab-a')).toBeUndefined()
    expect(readdirSync(where)).toEqual(['progress.json'])
  })

  it('that cannot be read is put aside, every time, and never lost', () => {
    const where = folder()
    const path = join(where, 'progress.json')
    for (const [n, wrong] of ['', '{', '[]', '{"version":2,"open":null,"labs":{}}', '{"version":1,"open":null,"labs":{"a":{"stepsPassed":"x"}}}'].entries()) {
      writeFileSync(path, wrong)
      const opened = store(where)
      const aside = `${path}.unreadable${n === 0 ? '' : `-${n + 1}`}`
      expect(opened.trouble).toContain(`kept as ${aside}`)
      expect(readFileSync(aside, 'utf8')).toBe(wrong)
      expect(opened.open).toBeNull()
      opened.flush()
      expect(store(where).trouble).toBeUndefined()
    }
  })

  it('of another process is left alone', () => {
    const where = folder()
    store(where).flush()
    const before = readFileSync(join(where, 'progress.json'), 'utf8')
    const second = store(where, { readOnly: true })
    second.setOpen('lab-a')
    second.flush()
    expect(second.open).toBe('lab-a')
    expect(readFileSync(join(where, 'progress.json'), 'utf8')).toBe(before)
  })

  it('that cannot be written does not stop Podhop', () => {
    const where = folder()
    const troubles: string[] = []
    const one = store(where, { onTrouble: (text) => troubles.push(text) })
    mkdirSync(join(where, 'progress.json'))
    one.flush()
    expect(troubles[0]).toContain('cannot be written')
  })
})

describe('a file that is written atomically', () => {
  it('is the old one or the new one, whole, for whoever reads or kills meanwhile', async () => {
    const path = join(folder(), 'deep', 'file.json')
    writeAtomically(path, 'x'.repeat(100_000))
    const { outputText } = ts.transpileModule(readFileSync(new URL('files.ts', import.meta.url), 'utf8'), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
    const program = join(folder(), 'writer.mjs')
    writeFileSync(program, `${outputText}
      console.log('ready')
      for (let i = 0; ; i++) writeAtomically(${JSON.stringify(path)}, String.fromCharCode(97 + i % 26).repeat(100_000))`)
    for (let n = 0; n < 5; n++) {
      const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise((resolve) => child.stdout.once('data', resolve))
      for (let look = 0; look < 50; look++) expect(new Set(readFileSync(path, 'utf8')).size).toBe(1)
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('exit', resolve))
      const text = readFileSync(path, 'utf8')
      expect([text.length, new Set(text).size]).toEqual([100_000, 1])
    }
  })
})

describe('a data folder', () => {
  it('belongs to one process that lives', async () => {
    const where = folder()
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await new Promise((resolve) => other.once('spawn', resolve))
    writeFileSync(join(where, 'in-use'), String(other.pid))
    expect(lockFolder(where)).toBeUndefined()
    // it does not say any more that it is there: another program got the number after a restart of the machine
    const old = new Date(Date.now() - 60_000)
    utimesSync(join(where, 'in-use'), old, old)
    lockFolder(where)!()
    writeFileSync(join(where, 'in-use'), String(other.pid))
    other.kill('SIGKILL')
    await new Promise((resolve) => other.once('exit', resolve))
    const unlock = lockFolder(where)!
    expect(readFileSync(join(where, 'in-use'), 'utf8')).toBe(String(process.pid))
    unlock()
    expect(readdirSync(where)).toEqual([])
  })
})
