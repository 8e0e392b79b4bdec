import { expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { decodeUtf8 } from '../text.ts'
import { isSystemError } from './errors.ts'
import { CallbackFile } from './files.ts'
import { MemoryFilesystem } from './filesystem.ts'
import { layOutLinux } from './linux.ts'
import { createMachine } from './machine.ts'
import { createPipe } from './pipe.ts'
import { createProgramTable } from './programs.ts'
import { createTerminal } from './terminal.ts'
import type { Machine, OpenFile, Program } from './types.ts'

function world(kind: Machine['kind'] = 'node'): { clock: Clock; machine: Machine; out: () => string; files: Map<number, OpenFile>; program: (name: string, program: Program) => void } {
  const clock = new Clock({ seed: 1 })
  const fs = new MemoryFilesystem({ clock })
  layOutLinux(fs, { hostname: 'worker-1' })
  const programs = createProgramTable()
  const machine = createMachine({ kind, name: 'worker-1', hostname: 'worker-1', clock, fs, network: {} as NetworkNamespace, programs, env: { PATH: '/usr/bin:/bin' } })
  let text = ''
  const sink = new CallbackFile(clock, (bytes) => (text += decodeUtf8(bytes)))
  const program = (name: string, run: Program): void => {
    programs.register(name, run)
    fs.installProgram(`/bin/${name}`, name)
  }
  return { clock, machine, out: () => text, files: new Map<number, OpenFile>([[1, sink], [2, sink]]), program }
}

test('a process runs, prints and ends with its exit code', () => {
  const { clock, machine, out, files, program } = world()
  program('hello', function* (process) {
    yield* process.sleep(1000)
    yield* process.print(`hello ${process.argv[1]} after ${process.clock.now - process.startedAt - 0.5}\n`)
    return 3
  })
  const process = machine.start({ argv: ['hello', 'you'], files })
  clock.runFor(5000)
  expect(out()).toBe('hello you after 1000\n')
  expect(process.status).toEqual({ code: 3 })
  expect(machine.processes.size).toBe(0)
})

test('a program that is not there, or may not run, is an error for the caller', () => {
  const { machine, files } = world()
  expect(() => machine.start({ argv: ['nonsense'], files })).toThrow('No such file or directory')
  machine.fs.writeFile('/bin/data', 'x')
  expect(() => machine.start({ argv: ['/bin/data'], files })).toThrow('Permission denied')
})

test('an exception of a program ends that process only', () => {
  const { clock, machine, out, files, program } = world()
  program('broken', function* () {
    yield (wake) => wake()
    throw new TypeError('x is undefined')
  })
  program('fine', function* (process) {
    yield* process.sleep(10)
    yield* process.print('still here\n')
    return 0
  })
  const broken = machine.start({ argv: ['broken'], files })
  machine.start({ argv: ['fine'], files })
  clock.runFor(100)
  expect(broken.status).toEqual({ code: 70 })
  expect(out()).toBe('podhop: internal error in broken: x is undefined\nstill here\n')
})

test('a pipe holds 64 KiB, makes the writer wait, and breaks when the reader goes', () => {
  const { clock, machine, files, program } = world()
  const { reader, writer } = createPipe(clock)
  let written = 0
  program('yes', function* (process) {
    for (;;) {
      yield* process.print('y'.repeat(1024))
      written += 1024
    }
  })
  program('head', function* (process) {
    yield* process.sleep(100)
    yield* process.read(0)
    return 0
  })
  const yes = machine.start({ argv: ['yes'], files: new Map([...files, [1, writer]]) })
  const head = machine.start({ argv: ['head'], files: new Map([...files, [0, reader]]) })
  reader.release()
  writer.release()
  clock.runFor(50)
  expect(written).toBe(65_536)
  clock.runFor(100)
  expect(head.status).toEqual({ code: 0 })
  expect(yes.status).toEqual({ code: 141, signal: 'SIGPIPE' })
})

test('signals: default action, handler, stop and continue, clean-up', () => {
  const { clock, machine, out, files, program } = world()
  let cleaned = 0
  program('sleep', function* (process) {
    process.onExit(() => cleaned++)
    yield* process.sleep(1000)
    yield* process.print('slept\n')
    return 0
  })
  program('careful', function* (process) {
    process.onSignal('SIGTERM', () => process.exit(9))
    yield* process.sleep(100_000)
    return 0
  })
  const killed = machine.start({ argv: ['sleep'], files })
  const stopped = machine.start({ argv: ['sleep'], files })
  const careful = machine.start({ argv: ['careful'], files })
  clock.runFor(10)
  killed.signal('SIGTERM')
  stopped.signal('SIGTSTP')
  careful.signal('SIGTERM')
  clock.runFor(5000)
  expect(killed.status).toEqual({ code: 143, signal: 'SIGTERM' })
  expect(careful.status).toEqual({ code: 9 })
  expect(stopped.stopped).toBe(true)
  expect(out()).toBe('')
  stopped.signal('SIGCONT')
  clock.runFor(10)
  expect(out()).toBe('slept\n')
  expect(cleaned).toBe(2)
})

test('process 1 of a container has no default actions, and its end is the end of all', () => {
  const { clock, machine, files, program } = world('container')
  program('sleep', function* (process) {
    yield* process.sleep(100_000)
    return 0
  })
  const first = machine.start({ argv: ['sleep'], files })
  const second = machine.start({ argv: ['sleep'], files })
  clock.runFor(10)
  first.signal('SIGTERM')
  expect(first.status).toBeUndefined()
  first.signal('SIGKILL')
  expect(first.status?.code).toBe(137)
  expect(second.status?.code).toBe(137)
})

test('a script runs by its interpreter', () => {
  const { clock, machine, out, files, program } = world()
  program('show', function* (process) {
    yield* process.print(process.argv.join('|'))
    return 0
  })
  machine.fs.writeFile('/bin/script', '#!/bin/show -x\n', 0o755)
  machine.start({ argv: ['script', 'a'], files })
  clock.runFor(1)
  expect(out()).toBe('/bin/show|-x|/bin/script|a')
})

test('a terminal edits lines, echoes, and turns ^C into a signal for the foreground', () => {
  const { clock, machine, program } = world()
  const terminal = createTerminal(clock)
  let screen = ''
  terminal.onOutput((bytes) => (screen += decodeUtf8(bytes)))
  const lines: (string | null)[] = []
  program('reader', function* (process) {
    for (;;) {
      const line = yield* process.readLine()
      lines.push(line)
      if (line === null) return 0
    }
  })
  const tty = terminal.open()
  const start = () => machine.start({ argv: ['reader'], files: new Map([[0, tty], [1, tty], [2, tty]]) })
  const reader = start()
  terminal.foreground = reader.group
  terminal.input('helo\x7flo world\x17\r\x04')
  clock.runFor(1)
  expect(lines).toEqual(['hello ', null])
  expect(reader.status).toEqual({ code: 0 })
  expect(screen).toContain('^'.repeat(0) + 'helo\b \blo world')
  const second = start()
  terminal.foreground = second.group
  clock.runFor(1)
  terminal.input('x\x03')
  clock.runFor(1)
  expect(second.status).toEqual({ code: 130, signal: 'SIGINT' })
  expect(screen.endsWith('x^C')).toBe(true)
})

test('layers of a filesystem share what is below and keep their own changes', () => {
  const image = new MemoryFilesystem()
  image.makeDirectory('/usr/share/nginx/html', { parents: true })
  image.writeFile('/usr/share/nginx/html/index.html', 'welcome')
  image.writeFile('/usr/share/nginx/html/50x.html', 'sorry')
  const a = new MemoryFilesystem({ base: image })
  const b = new MemoryFilesystem({ base: image })
  a.appendFile('/usr/share/nginx/html/index.html', ' to a')
  a.remove('/usr/share/nginx/html/50x.html')
  a.symlink('/usr/share/nginx', '/www')
  expect(a.readText('/www/html/../html/index.html')).toBe('welcome to a')
  expect(a.readDirectory('/usr/share/nginx/html')).toEqual(['index.html'])
  expect(b.readText('/usr/share/nginx/html/index.html')).toBe('welcome')
  expect(b.readDirectory('/usr/share/nginx/html')).toEqual(['50x.html', 'index.html'])
  a.remove('/usr', { recursive: true })
  expect(a.exists('/usr')).toBe(false)
  a.makeDirectory('/usr')
  expect(a.readDirectory('/usr')).toEqual([])
  expect(image.exists('/usr/share/nginx/html/index.html')).toBe(true)
})

test('what is made in a directory with the set-group-ID bit belongs to its group, and directories hand it on', () => {
  const fs = new MemoryFilesystem()
  fs.makeDirectory('/shared')
  fs.chown('/shared', 0, 2000)
  fs.chmod('/shared', 0o2777)
  fs.owner = { uid: 1000, gid: 3000 }
  fs.writeFile('/shared/a', 'text')
  fs.makeDirectory('/shared/deep/below', { parents: true })
  fs.writeFile('/shared/deep/below/b', 'text')
  fs.writeFile('/c', 'text')
  expect(['/shared/a', '/shared/deep/below/b', '/c'].map((path) => fs.stat(path)).map(({ uid, gid, mode }) => [uid, gid, mode.toString(8)])).toEqual([[1000, 2000, '644'], [1000, 2000, '644'], [1000, 3000, '644']])
  expect(fs.stat('/shared/deep/below').mode.toString(8)).toBe('2755')
})

test('a filesystem answers with the errors of the kernel', () => {
  const fs = new MemoryFilesystem()
  const code = (run: () => void): string => {
    try {
      run()
    } catch (error) {
      if (isSystemError(error)) return error.code
      throw error
    }
    return 'none'
  }
  fs.symlink('b', '/a')
  fs.symlink('a', '/b')
  fs.makeDirectory('/d')
  fs.writeFile('/f', 'x')
  fs.writeFile('/d/f', 'x')
  expect(code(() => fs.stat('/a'))).toBe('ELOOP')
  expect(code(() => fs.readFile('/none'))).toBe('ENOENT')
  expect(code(() => fs.readFile('/d'))).toBe('EISDIR')
  expect(code(() => fs.readFile('/f/x'))).toBe('ENOTDIR')
  expect(code(() => fs.remove('/d'))).toBe('ENOTEMPTY')
  expect(code(() => fs.makeDirectory('/d'))).toBe('EEXIST')
  expect(code(() => fs.rename('/d', '/d/e'))).toBe('EINVAL')
  expect(code(() => fs.writeFile('/big', new Uint8Array(65 * 1024 * 1024)))).toBe('ENOSPC')
})
