import { BytesFile, CallbackFile, concatBytes, decodeUtf8, encodeUtf8, type Cluster, type OpenFile, type Process } from '../engine/cluster.ts'
import { runScript as startShell } from '../shell/index.ts'

/** A script on the laptop, as a student would run it, with its output collected. */
export interface Script {
  readonly process: Process
  stdout(): string
  stderr(): string
}

export interface ScriptOptions {
  stdin?: string
  /** Called with all output as it comes, instead of collecting it. */
  onOutput?: (descriptor: 1 | 2, bytes: Uint8Array) => void
}

export function startScript(cluster: Cluster, text: string, options: ScriptOptions = {}): Script {
  const collected: Record<1 | 2, Uint8Array[]> = { 1: [], 2: [] }
  const sink = (descriptor: 1 | 2): OpenFile =>
    new CallbackFile(cluster.clock, (bytes) => (options.onOutput ? options.onOutput(descriptor, bytes) : void collected[descriptor].push(bytes.slice())))
  const files = new Map<number, OpenFile>([[0, new BytesFile(encodeUtf8(options.stdin ?? ''))], [1, sink(1)], [2, sink(2)]])
  const process = startShell(cluster.laptop, text, files)
  return { process, stdout: () => decodeUtf8(concatBytes(collected[1])), stderr: () => decodeUtf8(concatBytes(collected[2])) }
}

/** The most virtual time that a script without an end gets. */
const DAY = 86_400_000

/** Runs it to its end in virtual time. Not to be called from inside an event of the clock. */
export function runScript(cluster: Cluster, text: string, options: ScriptOptions = {}): { code: number; stdout: string; stderr: string } {
  const script = startScript(cluster, text, options)
  const end = cluster.clock.now + DAY
  while (!script.process.status && cluster.clock.step(end));
  const ended = script.process.status
  if (!ended) script.process.signal('SIGKILL')
  const stuck = ended ? '' : 'podhop: stopped: still running after a day of virtual time\n'
  return { code: ended?.code ?? 124, stdout: script.stdout(), stderr: script.stderr() + stuck }
}
