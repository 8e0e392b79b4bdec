import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../session/desk.samples.ts'
import { HostTerminals } from './host-terminals.ts'

const missing = await new HostTerminals({ output: () => undefined, closed: () => undefined }).missing()
if (missing !== undefined) console.warn(`SKIPPED, LOUDLY: ${missing}`)
const posix = process.platform !== 'win32'

describe.skipIf(missing !== undefined || !posix)('a terminal of the real machine', () => {
  let output = ''
  const closed: string[] = []
  const terminals = new HostTerminals({ output: (_id, text) => (output += text), closed: (id) => closed.push(id) })
  const shell = process.env['SHELL']
  beforeEach(() => {
    process.env['SHELL'] = '/bin/sh'
    output = ''
    closed.length = 0
  })
  afterEach(() => {
    terminals.closeAll()
    if (shell === undefined) delete process.env['SHELL']
    else process.env['SHELL'] = shell
  })

  it('runs what is typed, in a shell that finds the cluster', async () => {
    const id = await terminals.open(80, 24, '/tmp/podhop kubeconfig.yaml')
    expect(terminals.ids).toEqual([id])
    terminals.input(id, 'echo "config=$KUBECONFIG" $((40 + 2)) $TERM\n')
    await eventually(() => output.includes('config=/tmp/podhop kubeconfig.yaml 42 xterm-256color'))
    expect(terminals.printed(id)).toEqual([{ columns: 80, rows: 24, text: output }])
  })

  it('has the size of its window', async () => {
    const id = await terminals.open(91, 33, '')
    terminals.input(id, 'stty size\n')
    await eventually(() => output.includes('33 91'))
    terminals.resize(id, 70, 20)
    expect(terminals.size(id)).toEqual({ columns: 70, rows: 20 })
    terminals.input(id, 'stty size\n')
    await eventually(() => output.includes('20 70'))
  })

  it('is gone when its shell ends', async () => {
    const id = await terminals.open(80, 24, '')
    terminals.input(id, 'exit\n')
    await eventually(() => closed.includes(id))
    expect(terminals.has(id)).toBe(false)
    // what comes late has nowhere to go
    terminals.input(id, 'x')
    terminals.resize(id, 10, 10)
    terminals.close(id)
    expect(closed).toEqual([id])
  })

  it('ends its shell when it is closed', async () => {
    const id = await terminals.open(80, 24, '')
    terminals.input(id, 'echo pid=$$=\n')
    await eventually(() => /pid=\d+=/.test(output))
    const pid = Number(/pid=(\d+)=/.exec(output)![1])
    terminals.close(id)
    expect(closed).toEqual([id])
    await eventually(() => {
      try {
        process.kill(pid, 0)
        return false
      } catch {
        return true
      }
    })
  })
})
