import { CallbackFile, createCluster, createTerminal, decodeUtf8, encodeUtf8, BytesFile, parseClusterConfig, type Cluster, type OpenFile } from '../engine/cluster.ts'
import { openLoginShell, runScript } from './index.ts'
import { registerPrograms } from './programs.ts'

export interface House {
  cluster: Cluster
  /** A script on the laptop, to its end in virtual time; the two streams as one text, as a person sees them. */
  run(script: string, stdin?: string): { output: string; code: number | undefined }
  /** A terminal window. `type` waits for a while, and gives what has been written to the screen since the last time. */
  open(): { type(keys: string, wait?: number): string }
}

/** A whole cluster with every program, for tests of how a tool behaves in it. */
export function house(config: Record<string, unknown> = {}): House {
  const cluster = createCluster(parseClusterConfig(config))
  registerPrograms(cluster)
  cluster.settle()
  return {
    cluster,
    run(script, stdin = '') {
      let output = ''
      const sink = (): OpenFile => new CallbackFile(cluster.clock, (bytes) => (output += decodeUtf8(bytes)))
      const process = runScript(cluster.laptop, script, new Map<number, OpenFile>([[0, new BytesFile(encodeUtf8(stdin))], [1, sink()], [2, sink()]]))
      cluster.clock.runUntil(cluster.clock.now + 3_600_000, () => process.status !== undefined)
      return { output, code: process.status?.code }
    },
    open() {
      const terminal = createTerminal(cluster.clock, { columns: 100, rows: 30 })
      let written = ''
      terminal.onOutput((bytes) => (written += decodeUtf8(bytes)))
      openLoginShell(cluster.laptop, terminal)
      cluster.clock.runFor(500)
      written = ''
      return {
        type(keys, wait = 1_000) {
          terminal.input(keys)
          cluster.clock.runFor(wait)
          const text = written.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r+\n/g, '\n')
          written = ''
          return text
        },
      }
    },
  }
}
