import { Clock } from '../../engine/clock.ts'
import { CallbackFile } from '../../engine/machine/files.ts'
import { layOutLinux } from '../../engine/machine/linux.ts'
import { createMachine } from '../../engine/machine/machine.ts'
import { MemoryFilesystem } from '../../engine/machine/filesystem.ts'
import { createProgramTable } from '../../engine/machine/programs.ts'
import type { Machine, OpenFile, Process, Program, ProgramTable } from '../../engine/machine/types.ts'
import { Network } from '../../engine/network/fabric.ts'
import { NetfilterTables } from '../../engine/network/netfilter/netfilter.ts'
import { addPod, makeNode } from '../../engine/network/shapes.samples.ts'
import { TcpStack } from '../../engine/network/tcp/stack.ts'
import type { NetworkNamespace } from '../../engine/network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import { registerNettools } from './index.ts'

/** A network with rules and TCP, as a cluster has it. */
export function realNetwork(seed = 1, options: { ipv6?: boolean } = {}): Network {
  return new Network({ clock: new Clock({ seed }), ...options, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
}

export interface Ran { stdout: string; stderr: string; code: number | undefined; process: Process }

/** A machine in a network namespace with the network tools, and what a test does with it. */
export interface TestMachine {
  machine: Machine
  network: NetworkNamespace
  /** Starts a command line (words at blanks) and goes on; what it prints is added to the result as it comes. */
  start(line: string, options?: { stdin?: string; program?: Program }): Ran
  /** Runs it to its end, at most an hour of virtual time. */
  run(line: string, options?: { stdin?: string }): Ran
}

export function testMachine(network: NetworkNamespace, programs: ProgramTable = table()): TestMachine {
  const { clock } = network
  const fs = new MemoryFilesystem({ clock })
  layOutLinux(fs, { hostname: network.name.replace('default/', '') })
  const kind = network.kind === 'pod' ? 'container' : network.kind === 'node' ? 'node' : 'laptop'
  const machine = createMachine({ kind, name: network.name, hostname: network.name, clock, fs, network, programs })
  const start: TestMachine['start'] = (line, options = {}) => {
    const argv = line.match(/'[^']*'|\S+/g)!.map((w) => w.replace(/^'|'$/g, ''))
    const name = argv[0]!.replace(/^busybox:/, '')
    const program = options.program ?? programs.find(argv[0]!)
    if (!program) throw new Error(`no program ${argv[0]}`)
    const out = { stdout: '', stderr: '', code: undefined } as unknown as Ran
    const files = new Map<number, OpenFile>([
      [0, new BytesInput(clock, options.stdin ?? '')],
      [1, new CallbackFile(clock, (b) => (out.stdout += decodeUtf8(b)))],
      [2, new CallbackFile(clock, (b) => (out.stderr += decodeUtf8(b)))],
    ])
    out.process = machine.start({ argv: [name, ...argv.slice(1)], program, files })
    Object.defineProperty(out, 'code', { get: () => out.process.status?.code })
    return out
  }
  return {
    machine,
    network,
    start,
    run(line, options) {
      const out = start(line, options)
      clock.runUntil(clock.now + 3_600_000, () => out.process.status !== undefined)
      return out
    },
  }
}

/** Standard input that ends after the given text. */
class BytesInput extends CallbackFile {
  #left: Uint8Array | null

  constructor(clock: Clock, text: string) {
    super(clock, () => {})
    this.#left = text === '' ? null : encodeUtf8(text)
  }

  override *read(): ReturnType<CallbackFile['read']> {
    const bytes = this.#left
    this.#left = null
    return bytes
  }
}

function table(): ProgramTable {
  const programs = createProgramTable()
  registerNettools(programs)
  return programs
}

/** Two nodes joined by the underlay, a bridge each, three Pods: a and b on the first, c on the second. */
export function twoNodes(seed = 1): { network: Network; clock: Clock; a: TestMachine; b: TestMachine; c: TestMachine; node1: TestMachine; node2: TestMachine } {
  const network = realNetwork(seed)
  const one = makeNode(network, 1)
  const two = makeNode(network, 2)
  one.node.routes.add({ destination: '10.244.2.0/24', via: '172.18.0.3' })
  two.node.routes.add({ destination: '10.244.1.0/24', via: '172.18.0.2' })
  const b = addPod(network, one.node, 1, 3)
  return {
    network, clock: network.clock,
    a: testMachine(one.pod), b: testMachine(b), c: testMachine(two.pod),
    node1: testMachine(one.node), node2: testMachine(two.node),
  }
}
