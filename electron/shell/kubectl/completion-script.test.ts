import { expect, it } from 'vitest'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { openLoginShell } from '../index.ts'
import { bench } from './testing.samples.ts'

it('source <(kubectl completion bash), and k completes as kubectl does', () => {
  const { clock, cluster, run } = bench()
  run('kubectl create namespace shop; kubectl create cm settings -n shop')
  cluster.laptop.fs.writeFile('/home/student/.bashrc', "PS1='$ '\n")
  const terminal = createTerminal(clock, { columns: 60, rows: 30 })
  let screen = ''
  terminal.onOutput((bytes) => (screen += decodeUtf8(bytes)))
  openLoginShell(cluster.laptop, terminal)
  const type = (keys: string): string => {
    screen = ''
    terminal.input(keys)
    clock.runFor(500)
    return screen.replace(/\x1b\[[?\d;]*[a-zA-Z]/g, '').replaceAll('\r', '')
  }
  type('source <(kubectl completion bash); alias k=kubectl; complete -o default -F __start_kubectl k\r')
  expect(type('type -t __start_kubectl\r')).toContain('function')
  expect(type('k get configm\t-n sh\tset\t|')).toContain('k get configmaps -n shop settings |')
  type('\x15')
  expect(type('k get -n=sh\t|')).toContain('k get -n=shop |')
  type('\x15')
  expect(type('k get --output=jsonpath-a\t|')).toContain('--output=jsonpath-as-json |')
  type('\x15')
  type('k co')
  expect(type('\t\t')).toMatch(/completion +\(Output shell completion code for the specifie…\)/)
})
