import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, BytesFile, CallbackFile, decodeUtf8, encodeUtf8, type OpenFile } from '../../engine/cluster.ts'
import { runScript } from '../index.ts'
import { registerPrograms } from '../programs.ts'
import { GLOBAL_FLAGS } from './flags.ts'
import type { Command } from './command.ts'
import { COMMANDS } from './index.ts'

/** Command lines of chance: whatever is typed, kubectl ends, or can be interrupted, and says something that a person can read. */
const RUNS = process.env['PODHOP_DEEP'] ? { numRuns: 5000 } : { numRuns: 150, seed: 7 }

const WORDS = [
  'pods', 'pod/web', 'web', 'deploy', 'deploy/shop', 'svc', 'nodes', 'worker-1', 'cm', 'cm/settings', 'all', 'nothing', 'pods,svc', 'pods.v1.', 'deploy.v1.apps', '/', 'a/b/c', '-', '--', '-n', 'kube-system',
  'a=b', 'a-', '=', 'x=', '', ' ', '%s', '*', '{}', '[]', '{"spec":{"replicas":2}}', '[{"op":"add","path":"/metadata/labels","value":null}]', '-1', '0', '80', '8080:80', '99999', 'yes', '1s', 'json', 'yaml', 'wide', 'name',
  'jsonpath={.items[*]}', 'jsonpath={range', 'go-template={{.}}', 'go-template={{range .items}}{{.x.y}}', 'custom-columns=A:.x', 'condition=Ready', 'jsonpath={.x}=1', 'shop.yaml', 'broken.yaml', '.', '/tmp/x', 'web:/etc/hostname', 'ü', '\u0000', '__proto__', 'constructor', 'toString',
  'nginx', 'nginx=nginx:1.27', 'NoSchedule', 'a=b:NoExecute', 'system:serviceaccount:default:default', 'true', 'false', 'client', 'server', 'get', 'create', 'ls', '2020-01-01T00:00:00Z', 'pods.spec.containers', 'metadata.name', '.metadata.name', '--all', '-A', '-o', '-l', '-f', '-w', '-it', '--help',
]

interface Verb { path: string[]; flags: string[] }

function verbs(commands: readonly Command[], path: string[] = []): Verb[] {
  return commands.flatMap((command) => {
    const here = [...path, command.name]
    const flags = [...(command.flags ?? []), ...GLOBAL_FLAGS].map((f) => `--${f.name}`)
    return [...(command.commands ? verbs(command.commands, here) : []), { path: here, flags }]
  })
}

const VERBS = verbs(COMMANDS)

const word = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: fc.string({ maxLength: 8 }) })
const line = fc.constantFrom(...VERBS).chain(({ path, flags }) => {
  const flag = fc.constantFrom(...flags)
  const part = fc.oneof(word, word, flag, fc.tuple(flag, word).map(([f, w]) => `${f}=${w}`))
  return fc.array(part, { maxLength: 6 }).map((parts) => [...path, ...parts].filter((w) => !w.includes('\0')))
})

/** What no kubectl says: texts of JavaScript that went astray. */
const ASTRAY = /internal error|\bundefined\b|\[object \w+\]|\bNaN\b|TypeError|RangeError|ReferenceError|^ +at \S+ \(|is not a function|Cannot read propert|Unexpected token|is not iterable/m

describe('kubectl of chance', () => {
  let cluster: Cluster
  beforeAll(() => {
    cluster = createCluster(parseClusterConfig({ nodes: 2 }))
    registerPrograms(cluster)
    cluster.laptop.fs.writeFile('/home/student/broken.yaml', 'a: [b\n')
    cluster.laptop.fs.writeFile('/home/student/shop.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fromfile}\n')
    cluster.settle()
    run(['create', 'deployment', 'shop', '--image=nginx'])
    run(['run', 'web', '--image=nginx'])
    run(['create', 'configmap', 'settings', '--from-literal=a=b'])
    cluster.settle()
  })

  function run(args: readonly string[]): { output: string; ended: boolean } {
    let output = ''
    const sink = (): OpenFile => new CallbackFile(cluster.clock, (bytes) => (output += decodeUtf8(bytes)))
    const quoted = args.map((w) => `'${w.replaceAll("'", "'\\''")}'`).join(' ')
    const files = new Map<number, OpenFile>([[0, new BytesFile(encodeUtf8('y\n'))], [1, sink()], [2, sink()]])
    // whoever waits is interrupted, as with Ctrl-C, and is given little time to go
    const process = runScript(cluster.laptop, `EDITOR=true timeout -s INT -k 2 20 kubectl ${quoted}`, files)
    cluster.clock.runUntil(cluster.clock.now + 30_000, () => process.status !== undefined)
    return { output, ended: process.status !== undefined && process.status.code !== 137 }
  }

  it('ends, and says nothing that is not kubectl’s', () => {
    fc.assert(
      fc.property(line, (args) => {
        const { output, ended } = run(args)
        const astray = ASTRAY.exec(output.replaceAll(/"[^"]*"/g, ''))
        expect({ ended, astray: astray && output.slice(Math.max(0, astray.index - 100), astray.index + 200) }, `kubectl ${args.join(' ')}`).toEqual({ ended: true, astray: null })
      }),
      { ...RUNS, endOnFailure: true },
    )
  }, 300_000)
})
