import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { SessionLog, type LogEntry, type LogHeader } from './log.ts'

const header: LogHeader = { app: 'app-1', world: 'lab-1', epoch: 0, progress: { passed: { first: 12.5 }, answers: {}, hints: {}, variables: {} } }
const fail = (error: Error): never => {
  throw error
}
const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'podhop-log-')), 'sessions', 'lab.jsonl')
const typed = (at: number, data: string): LogEntry => ({ at, executed: at * 2, input: { kind: 'terminal-input', id: 't1', data } })
const sent = (at: number, data: Uint8Array): LogEntry => ({ at, executed: at * 2, input: { kind: 'outside-data', connection: 1, data } })
const tick = (at: number): LogEntry => ({ at, executed: at * 2 })

function write(path: string, entries: readonly LogEntry[]): void {
  const log = SessionLog.create(path, header, fail)
  for (const entry of entries) log.append(entry)
  log.close()
}

function read(path: string): LogEntry[] | undefined {
  const resumed = SessionLog.resume(path, header, fail)
  resumed?.log.close()
  return resumed?.entries
}

describe('the log of a session', () => {
  afterEach(() => void vi.useRealTimers())

  it('gives back what was written: text of every kind, bytes, moments to the last bit', () => {
    const path = fresh()
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251)
    const entries = [typed(0.1 + 0.2, 'kubectl get pods\r'), typed(7, 'ü 漢 😀 \u2028 \ud800 "\\\n'), sent(8, bytes), sent(9, new Uint8Array(100_000)), sent(10, new Uint8Array(0))]
    write(path, entries)
    expect(read(path)).toEqual(entries)
    expect(SessionLog.resume(path, header, fail)?.header).toEqual(header)
  })

  it('packs what real programs send', () => {
    const path = fresh()
    write(path, [sent(1, new Uint8Array(1_000_000))])
    expect(statSync(path).size).toBeLessThan(10_000)
  })

  it('does not grow by time alone', () => {
    const path = fresh()
    const log = SessionLog.create(path, header, fail)
    log.append(typed(1, 'x'))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (let at = 2; at < 10_000; at++) log.append(tick(at))
    log.close()
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4)
    expect(read(path)).toEqual([typed(1, 'x'), tick(9999)])
  })

  it('cut off at any byte, gives what was whole; what comes next stands behind that', () => {
    const path = fresh()
    const entries = [typed(1, 'kubectl get pods\r'), typed(2, 'é'), sent(3, new Uint8Array(700)), typed(4.25, 'exit\r'), tick(5)]
    write(path, entries)
    const whole = readFileSync(path)
    let had = 0
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const resumed = SessionLog.resume(path, header, fail)
      if (length < whole.indexOf(10) + 1) {
        expect(resumed, `${length} bytes`).toBeUndefined()
        continue
      }
      const count = resumed!.entries.length
      expect(resumed!.entries).toEqual(entries.slice(0, count))
      expect(count === had || count === had + 1).toBe(true)
      had = count
      resumed!.log.append(typed(6, 'on'))
      resumed!.log.close()
      expect(read(path)).toEqual([...entries.slice(0, count).filter((e) => e.input), typed(6, 'on')])
    }
    expect(had).toBe(entries.length)
  })

  it('reads up to what is unreadable', () => {
    const path = fresh()
    write(path, [typed(1, 'a'), typed(2, 'b')])
    appendFileSync(path, '\0\0\0\0\n' + JSON.stringify(typed(3, 'c')) + '\n')
    expect(read(path)).toEqual([typed(1, 'a'), typed(2, 'b')])
  })

  it('is not continued by other code, for another world, or when it is no log', () => {
    const path = fresh()
    write(path, [typed(1, 'a')])
    expect(SessionLog.resume(path, { ...header, app: 'app-2' }, fail)).toBeUndefined()
    expect(SessionLog.resume(path, { ...header, world: 'lab-2' }, fail)).toBeUndefined()
    expect(SessionLog.resume(`${path}.not`, header, fail)).toBeUndefined()
    for (const nothing of ['', '\n', 'null\n', '[]\n', '{"app":1}\n', '\xff\xfe']) {
      writeFileSync(path, nothing)
      expect(SessionLog.resume(path, header, fail), JSON.stringify(nothing)).toBeUndefined()
    }
  })

  it('is on the disk soon, without being closed', async () => {
    const path = fresh()
    const log = SessionLog.create(path, header, fail)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    log.append(typed(1, 'kubectl'))
    log.append(tick(2))
    // a kill loses less than two seconds; how long the disk takes is the machine's affair
    await vi.advanceTimersByTimeAsync(1500)
    vi.useRealTimers()
    await expect.poll(() => readFileSync(path, 'utf8').split('\n').length, { timeout: 60_000, interval: 20 }).toBe(4)
    log.append(typed(3, 'next'))
    log.close()
    expect(read(path)).toEqual([typed(1, 'kubectl'), typed(3, 'next')])
  })

  it('closed while it writes, is whole all the same', async () => {
    const path = fresh()
    const log = SessionLog.create(path, header, fail)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const long = typed(1, 'kubectl '.repeat(400_000))
    log.append(long)
    vi.advanceTimersByTime(1000)
    log.append(typed(2, 'exit\r'))
    log.close()
    const entries = [long, typed(2, 'exit\r')]
    expect(read(path)).toEqual(entries)
    await new Promise((resolve) => setImmediate(resolve))
    expect(read(path)).toEqual(entries)
  })

  it('says so when the disk refuses, and goes on without', () => {
    const folder = mkdtempSync(join(tmpdir(), 'podhop-log-'))
    mkdirSync(join(folder, 'lab.jsonl'))
    expect(() => SessionLog.create(join(folder, 'lab.jsonl'), header, fail)).toThrow('EISDIR')
  })

  it('keeps all inputs in their order, whenever it is flushed, closed and continued', () => {
    const entry = fc.oneof(fc.string({ unit: 'grapheme' }).map((s) => (at: number) => typed(at, s)), fc.uint8Array({ maxLength: 2000 }).map((b) => (at: number) => sent(at, b)), fc.constant(tick))
    fc.assert(
      fc.property(fc.array(fc.array(entry)), (sittings) => {
        const path = fresh()
        write(path, [])
        const all: LogEntry[] = []
        for (const sitting of sittings) {
          const { log, entries } = SessionLog.resume(path, header, fail)!
          expect(entries.filter((e) => e.input)).toEqual(all.filter((e) => e.input))
          if (all.at(-1) && !all.at(-1)!.input) expect(entries.at(-1)).toEqual(all.at(-1))
          for (const make of sitting) {
            all.push(make(all.length + 0.5))
            log.append(all.at(-1)!)
          }
          log.close()
          truncateSync(path, statSync(path).size)
        }
      }),
      { numRuns: 50 },
    )
  })
})
