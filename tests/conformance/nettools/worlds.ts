import { execFile, execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Clock } from '../../../electron/engine/clock.ts'
import type { LinuxBridge } from '../../../electron/engine/network/bridge.ts'
import type { Process, Program } from '../../../electron/engine/machine/types.ts'
import { realNetwork, testMachine, type TestMachine } from '../../../electron/shell/nettools/machines.samples.ts'

/**
 * One shape, built twice: from real network namespaces and here. Two nodes joined by a cable, a bridge on each, Pods p1
 * and p2 on the first, p3 on the second. IPv6 is off in both, unless they are asked for dual stack.
 */
export const SPACES = ['p1', 'p2', 'p3', 'n1', 'n2'] as const
export type Space = (typeof SPACES)[number]

const VETHS: [Space, string, Space, string][] = [
  ['n1', 'eth0', 'n2', 'eth0'],
  ['p1', 'eth0', 'n1', 'veth1'],
  ['p2', 'eth0', 'n1', 'veth2'],
  ['p3', 'eth0', 'n2', 'veth1'],
]
const BRIDGE_PORTS: [Space, string][] = [['n1', 'veth1'], ['n1', 'veth2'], ['n2', 'veth1']]
const ADDRESSES: [Space, string, string][] = [
  ['n1', 'eth0', '172.18.0.2/16'], ['n2', 'eth0', '172.18.0.3/16'],
  ['n1', 'cni0', '10.244.1.1/24'], ['n2', 'cni0', '10.244.2.1/24'],
  ['p1', 'eth0', '10.244.1.2/24'], ['p2', 'eth0', '10.244.1.3/24'], ['p3', 'eth0', '10.244.2.2/24'],
]
const ROUTES: [Space, string, string][] = [
  ['p1', 'default', '10.244.1.1'], ['p2', 'default', '10.244.1.1'], ['p3', 'default', '10.244.2.1'],
  ['n1', '10.244.2.0/24', '172.18.0.3'], ['n2', '10.244.1.0/24', '172.18.0.2'],
]

/** What dual stack adds. */
const ADDRESSES6: [Space, string, string][] = [
  ['n1', 'eth0', 'fd00:18::2/64'], ['n2', 'eth0', 'fd00:18::3/64'],
  ['n1', 'cni0', 'fd00:244:1::1/64'], ['n2', 'cni0', 'fd00:244:2::1/64'],
  ['p1', 'eth0', 'fd00:244:1::2/64'], ['p2', 'eth0', 'fd00:244:1::3/64'], ['p3', 'eth0', 'fd00:244:2::2/64'],
]
const ROUTES6: [Space, string, string][] = [
  ['p1', 'default', 'fd00:244:1::1'], ['p2', 'default', 'fd00:244:1::1'], ['p3', 'default', 'fd00:244:2::1'],
  ['n1', 'fd00:244:2::/64', 'fd00:18::3'], ['n2', 'fd00:244:1::/64', 'fd00:18::2'],
]

export interface Result { stdout: string; stderr: string; code: number }

/** The bytes of an answer to those of a query. */
export type DnsAnswerer = (query: Uint8Array, tcp: boolean) => Uint8Array | undefined

export interface World {
  run(space: Space, line: string, options?: { wait?: number; stdin?: string }): Promise<Result>
  /** Goes on until the end of the world; resolves when it is ready (real) or a moment later (simulated). */
  serve(space: Space, port: number, answer: string | null): Promise<void>
  /** A web server for many requests on a connection: what stands for "/path" (or "/path RANGE", "/path SINCE" of such requests), whole answers; "/echo" tells what was asked, anything else is not found. */
  site(space: Space, port: number, pages: Readonly<Record<string, string>>): Promise<void>
  /** A name server at an address of the space, by UDP and TCP. */
  serveDns(space: Space, address: string, answer: DnsAnswerer): Promise<void>
  /** A command in the background; `stop` sends SIGINT and gives what it printed. */
  start(space: Space, line: string): Promise<{ stop(): Promise<Result> }>
  file(space: Space, path: string, content: string): void
  destroy(): void
}

const words = (line: string): string[] => line.match(/'[^']*'|\S+/g)!.map((w) => w.replace(/^'|'$/g, ''))

/** What a site sends for the bytes that came, if they are a whole request. It stands by itself: the real world runs its text. */
function siteAnswer(pages: Readonly<Record<string, string>>, request: string): { taken: number; answer: string; close: boolean } | undefined {
  const end = request.indexOf('\r\n\r\n')
  const length = end < 0 ? 0 : Number(/^content-length: *(\d+)/im.exec(request.slice(0, end))?.[1] ?? 0)
  const taken = end + 4 + length
  if (end < 0 || request.length < taken) return undefined
  const [method, target] = request.split(' ') as [string, string]
  const key = (kind: string): string | undefined => pages[`${target} ${kind}`]
  const asked = request.slice(0, taken)
  const echo = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${asked.length}\r\n\r\n${asked}`
  let answer = (/^range:/im.test(asked) ? key('RANGE') : undefined) ?? (/^if-modified-since:/im.test(asked) ? key('SINCE') : undefined) ?? (/^authorization:/im.test(asked) ? key('LOGIN') : undefined) ?? pages[target] ?? (target.startsWith('/echo') ? echo : 'HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n')
  const close = /^connection: close/im.test(answer) || !/^(content-length|transfer-encoding):/im.test(answer)
  if (method === 'HEAD') answer = answer.slice(0, answer.indexOf('\r\n\r\n') + 4)
  return { taken, answer, close }
}

// ---- real --------------------------------------------------------------------------------------------------------------

const real = (space: string): string => `podhop-nt-${process.pid}-${space}`
const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC', COLUMNS: '80' }

const found = new Map<string, boolean>()

/** Whether this machine has the tools, and network namespaces to run them in. */
export function has(...tools: readonly string[]): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const works = (name: string, ...commands: string[][]): boolean => {
    if (!found.has(name)) found.set(name, commands.every(([command, ...args]) => spawnSync(command!, args, { stdio: 'ignore' }).status === 0))
    return found.get(name)!
  }
  return works('namespaces', ['ip', 'netns', 'add', real('probe')], ['ip', 'netns', 'del', real('probe')]) && tools.every((tool) => works(`tool ${tool}`, ['sh', '-c', `command -v ${tool}`]))
}

/** Those of this process, also of a run that was killed and had the same number. */
function removeSpaces(): void {
  for (const space of SPACES) if (existsSync(`/run/netns/${real(space)}`)) spawnSync('ip', ['netns', 'del', real(space)])
}

export function realWorld(options: { ipv6?: boolean } = {}): World {
  removeSpaces()
  try {
    return buildReal(options)
  } catch (error) {
    removeSpaces()
    throw error
  }
}

function buildReal(options: { ipv6?: boolean }): World {
  const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  for (const space of SPACES) {
    ip('netns', 'add', real(space))
    const forward = space.startsWith('n') ? '1' : '0'
    for (const setting of [
      ...(options.ipv6
        ? ['net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.dad_transmits=0', 'net.ipv6.conf.default.router_solicitations=0', 'net.ipv6.icmp.ratelimit=0', `net.ipv6.conf.all.forwarding=${forward}`]
        : ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']),
      'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.default.send_redirects=0',
      'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0', 'net.ipv4.icmp_ratemask=0', 'net.ipv4.icmp_ratelimit=0', `net.ipv4.ip_forward=${forward}`,
      'net.ipv4.ping_group_range=0 2147483647',
      // Linux 6.1's; the window scale follows from it
      'net.ipv4.tcp_rmem=4096 131072 6291456',
    ]) ip('netns', 'exec', real(space), 'sysctl', '-qw', setting)
    ip('-n', real(space), 'link', 'set', 'lo', 'up')
    // a proxy neighbour of no link outlives its namespace in the kernel, and comes back in one that is made where that was
    const leaked = execFileSync('ip', ['-n', real(space), 'neigh', 'show', 'proxy'], { encoding: 'utf8' })
    for (const row of leaked.split('\n').filter(Boolean)) ip('-n', real(space), 'neigh', 'del', 'proxy', row.split(' ')[0]!)
  }
  for (const [a, nameA, b, nameB] of VETHS.slice(0, 1)) ip('link', 'add', nameA, 'netns', real(a), 'type', 'veth', 'peer', 'name', nameB, 'netns', real(b))
  for (const node of ['n1', 'n2']) ip('-n', real(node), 'link', 'add', 'cni0', 'type', 'bridge')
  for (const [a, nameA, b, nameB] of VETHS.slice(1)) ip('link', 'add', nameA, 'netns', real(a), 'type', 'veth', 'peer', 'name', nameB, 'netns', real(b))
  // else the bridge takes the lowest address of its ports
  for (const node of ['n1', 'n2']) ip('-n', real(node), 'link', 'set', 'cni0', 'address', `02:00:00:00:00:0${node[1]}`)
  for (const [space, port] of BRIDGE_PORTS) ip('-n', real(space), 'link', 'set', port, 'master', 'cni0')
  for (const [space, link, address] of ADDRESSES) ip('-n', real(space), 'addr', 'add', address, 'dev', link)
  for (const [a, nameA, b, nameB] of VETHS) {
    ip('-n', real(a), 'link', 'set', nameA, 'up')
    ip('-n', real(b), 'link', 'set', nameB, 'up')
  }
  for (const node of ['n1', 'n2']) ip('-n', real(node), 'link', 'set', 'cni0', 'up')
  for (const [space, to, via] of ROUTES) ip('-n', real(space), 'route', 'add', to, 'via', via)
  if (options.ipv6) {
    for (const [space, link, address] of ADDRESSES6) ip('-n', real(space), 'addr', 'add', address, 'dev', link, 'nodad')
    for (const [space, to, via] of ROUTES6) ip('-n', real(space), '-6', 'route', 'add', to, 'via', via)
  }

  const children: ChildProcess[] = []
  /** The first thing that it says is that it is ready. */
  const ready = (child: ChildProcess): Promise<void> => {
    children.push(child)
    return new Promise((resolve, reject) => {
      child.stdout!.once('data', () => resolve())
      child.once('error', reject).once('exit', (code) => reject(new Error(`a server ended with ${code} before it was ready`)))
    })
  }
  // what tools download stays out of the checkout
  const cwd = mkdtempSync(join(tmpdir(), 'nettools-'))
  const files = [cwd]
  return {
    run: (space, line, options) =>
      new Promise((resolve) => {
        const child = execFile('ip', ['netns', 'exec', real(space), ...words(line)], { env: environment, cwd, timeout: 30_000 }, (error, stdout, stderr) =>
          resolve({ stdout, stderr, code: typeof error?.code === 'number' ? error.code : 0 }),
        )
        // who reads none may be gone already
        child.stdin!.on('error', () => {})
        if (options?.stdin !== undefined) child.stdin!.end(options.stdin)
      }),
    // a relay in the namespace: one line of JSON for each query, and one for its answer
    serveDns: (space, address, answer) => {
      const script = `
        const udp = require('dgram').createSocket('udp4'), waiting = []
        const ask = (tcp, data, reply) => { waiting.push(reply); console.log(JSON.stringify([tcp, data.toString('hex')])) }
        require('readline').createInterface({ input: process.stdin }).on('line', (line) => { const hex = JSON.parse(line), reply = waiting.shift(); if (hex !== null) reply(Buffer.from(hex, 'hex')) })
        udp.on('message', (data, from) => ask(false, data, (answer) => udp.send(answer, from.port, from.address)))
        require('net').createServer((s) => { let held = Buffer.alloc(0); s.on('error', () => {}); s.on('data', (data) => { held = Buffer.concat([held, data]); for (let n; held.length > 1 && held.length >= (n = held.readUInt16BE(0) + 2); held = held.subarray(n)) ask(true, held.subarray(2, n), (answer) => s.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]))) }) }).listen(53, '${address}', () => udp.bind(53, '${address}', () => console.log('ready')))`
      const child = spawn('ip', ['netns', 'exec', real(space), process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') return
        const [tcp, hex] = JSON.parse(line) as [boolean, string]
        const bytes = answer(Buffer.from(hex, 'hex'), tcp)
        child.stdin.write(`${JSON.stringify(bytes ? Buffer.from(bytes).toString('hex') : null)}\n`)
      })
      return ready(child)
    },
    serve: (space, port, answer) => {
      const script = `require('net').createServer(s => { s.on('error', () => {}); s.once('data', () => { ${answer === null ? '' : `s.write(Buffer.from('${Buffer.from(answer).toString('base64')}', 'base64'))`} }) }).listen(${port}, '${options.ipv6 ? '::' : '0.0.0.0'}', 511, () => console.log('ready'))`
      return ready(spawn('ip', ['netns', 'exec', real(space), process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }))
    },
    site: (space, port, pages) => {
      const script = `
        ${siteAnswer.toString()}
        const pages = JSON.parse(Buffer.from('${Buffer.from(JSON.stringify(pages)).toString('base64')}', 'base64').toString())
        require('net').createServer({ allowHalfOpen: true }, (s) => {
          let text = ''
          s.on('error', () => {}); s.on('end', () => s.end())
          s.on('data', (data) => { text += data.toString('latin1'); for (let a; (a = siteAnswer(pages, text)); ) { text = text.slice(a.taken); s.write(a.answer, 'latin1'); if (a.close) { s.end(); return } } })
        }).listen(${port}, '${options.ipv6 ? '::' : '0.0.0.0'}', 511, () => console.log('ready'))`
      return ready(spawn('ip', ['netns', 'exec', real(space), process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }))
    },
    start: async (space, line) => {
      const child = spawn('ip', ['netns', 'exec', real(space), ...words(line)], { env: environment, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
      children.push(child)
      const out: Result = { stdout: '', stderr: '', code: 0 }
      child.stdout!.on('data', (d) => (out.stdout += String(d)))
      child.stderr!.on('data', (d) => (out.stderr += String(d)))
      const ended = new Promise<Result>((resolve) => child.on('close', (code) => resolve({ ...out, code: code ?? 130 })))
      await new Promise((resolve) => setTimeout(resolve, 700))
      return {
        stop: async () => {
          await new Promise((resolve) => setTimeout(resolve, 700))
          child.kill('SIGINT')
          return ended
        },
      }
    },
    // /etc/netns/NAME is what `ip netns exec` mounts over /etc
    file: (space, path, content) => {
      const directory = `/etc/netns/${real(space)}`
      mkdirSync(directory, { recursive: true })
      files.push(directory)
      writeFileSync(path.replace(/^\/etc/, directory), content)
    },
    destroy: () => {
      for (const child of children) child.kill('SIGKILL')
      removeSpaces()
      for (const directory of files) rmSync(directory, { recursive: true, force: true })
    },
  }
}

function serveBytes({ network, pid }: Process, address: string, answer: DnsAnswerer): void {
  const where = { port: 53, address, owner: { pid, program: 'dns' } }
  const udp = network.sockets.udp(where)
  udp.onDatagram = ({ source, sourcePort, data }) => {
    const bytes = answer(data, false)
    if (bytes) udp.send(bytes, source, sourcePort)
  }
  network.sockets.listen(where, (connection) => {
    connection.handlers = {
      onData: (data) => {
        const bytes = answer(data.subarray(2), true)
        if (bytes) connection.send(Uint8Array.from([bytes.length >> 8, bytes.length & 255, ...bytes]))
      },
      onEnd: () => connection.end(),
    }
  })
}

// ---- simulated -----------------------------------------------------------------------------------------------------------

export function simulatedWorld(programs: Readonly<Record<string, Program>> = {}, options: { ipv6?: boolean } = {}): World & { clock: Clock } {
  const network = realNetwork(1, options)
  const { clock } = network
  const machines = {} as Record<Space, TestMachine>
  const kinds = { p: 'pod', n: 'node' } as const
  for (const space of SPACES) {
    const namespace = network.createNamespace({ name: space, kind: kinds[space[0] as 'p' | 'n'] })
    if (space.startsWith('n')) namespace.setSysctl('net.ipv4.ip_forward', '1')
    if (space.startsWith('n') && options.ipv6) namespace.setSysctl('net.ipv6.conf.all.forwarding', '1')
    machines[space] = testMachine(namespace)
    for (const [name, program] of Object.entries(programs)) machines[space].machine.programs.register(name, program)
  }
  const net = (space: Space) => machines[space].network
  const veth = ([a, nameA, b, nameB]: [Space, string, Space, string]): unknown => network.createVeth({ network: net(a), name: nameA }, { network: net(b), name: nameB })
  VETHS.slice(0, 1).forEach(veth)
  const bridges = { n1: network.createBridge(net('n1'), 'cni0'), n2: network.createBridge(net('n2'), 'cni0') } as Record<string, LinuxBridge>
  VETHS.slice(1).forEach(veth)
  for (const [space, port] of BRIDGE_PORTS) bridges[space]!.attach(net(space).links.get(port)! as never)
  for (const [space, link, address] of ADDRESSES) net(space).addAddress(link, address)
  for (const [a, nameA, b, nameB] of VETHS) {
    net(a).setUp(nameA, true)
    net(b).setUp(nameB, true)
  }
  for (const node of ['n1', 'n2'] as const) net(node).setUp('cni0', true)
  for (const [space, to, via] of ROUTES) net(space).routes.add({ destination: to === 'default' ? '0.0.0.0/0' : to, via })
  if (options.ipv6) {
    for (const [space, link, address] of ADDRESSES6) net(space).addAddress(link, address)
    for (const [space, to, via] of ROUTES6) net(space).routes.add({ destination: to === 'default' ? '::/0' : to, via })
  }

  const command = (line: string): string => line.replace(/^busybox /, 'busybox:')
  return {
    clock,
    run: async (space, line, options) => {
      const { stdout, stderr, code } = machines[space].run(command(line), options?.stdin === undefined ? {} : { stdin: options.stdin })
      clock.runFor(options?.wait ?? 0)
      return { stdout, stderr, code: code ?? -1 }
    },
    serveDns: async (space, address, answer) => {
      const server: Program = function* (self) {
        serveBytes(self, address, answer)
        yield () => {}
        return 0
      }
      machines[space].start('dns', { program: server })
      clock.runFor(10)
    },
    serve: async (space, port, answer) => {
      machines[space].start('node', {
        program: function* (self) {
          self.network.sockets.listen({ port, owner: { pid: self.pid, program: 'node' } }, (connection) => {
            connection.handlers = {
              onData: () => {
                if (answer === null) return
                connection.send(new TextEncoder().encode(answer))
              },
              onEnd: () => connection.end(),
            }
          })
          yield () => {}
          return 0
        },
      })
      clock.runFor(10)
    },
    site: async (space, port, pages) => {
      machines[space].start('node', {
        program: function* (self) {
          self.network.sockets.listen({ port, owner: { pid: self.pid, program: 'node' } }, (connection) => {
            let text = ''
            connection.handlers = {
              onData: (data) => {
                text += Buffer.from(data).toString('latin1')
                for (let found = siteAnswer(pages, text); found; found = siteAnswer(pages, text)) {
                  text = text.slice(found.taken)
                  connection.send(Buffer.from(found.answer, 'latin1'))
                  if (found.close) return connection.end()
                }
              },
              onEnd: () => connection.end(),
            }
          })
          yield () => {}
          return 0
        },
      })
      clock.runFor(10)
    },
    start: async (space, line) => {
      const ran = machines[space].start(command(line))
      clock.runFor(700)
      return {
        stop: async () => {
          clock.runFor(700)
          ran.process.signal('SIGINT')
          clock.runFor(10)
          return { stdout: ran.stdout, stderr: ran.stderr, code: ran.code ?? -1 }
        },
      }
    },
    file: (space, path, content) => machines[space].machine.fs.writeFile(path, content),
    destroy: () => {},
  }
}
