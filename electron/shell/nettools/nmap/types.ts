import type { OpenFile } from '../../../engine/cluster.ts'

export type PortState = 'open' | 'closed' | 'filtered' | 'open|filtered' | 'unfiltered'

/** What answered to a probe of a port, and what it says. */
export interface Port { readonly number: number; readonly protocol: 'tcp' | 'udp'; state: PortState; /** "syn-ack", "no-response" */ reason: string; ttl?: number | undefined; service?: Service }

/** What -sV found behind an open port. `unsure`: nothing that it knows. */
export interface Service { name: string; product?: string; version?: string; extra?: string; tunnel?: 'ssl'; cpe?: string; /** The operating system that the service gives away, and its CPE. */ os?: { name: string; cpe: string }; unsure?: boolean }

export interface Target { readonly address: string; readonly name?: string }

export interface Host extends Target {
  up: boolean
  reason: string
  ttl?: number | undefined
  /** ms */
  latency?: number | undefined
  mac?: string
  reverse?: string | undefined
  ports?: Port[]
  /** Virtual ms. */
  startedAt: number
  endedAt: number
}

export type Technique = 'syn' | 'connect' | 'udp' | 'ack' | 'window' | 'maimon' | 'null' | 'fin' | 'xmas'

export interface Discovery { readonly echo: boolean; readonly timestamp: boolean; readonly syn: readonly number[]; readonly ack: readonly number[]; readonly udp: readonly number[] }

export interface Options {
  techniques: Technique[]
  /** What is done instead of a scan of ports. */
  only: 'ping' | 'list' | undefined
  tcp: number[]
  udp: number[]
  discovery: Discovery | 'none'
  privileged: boolean
  names: boolean
  family: 4 | 6
  /** -e */
  device: string | undefined
  onlyOpen: boolean
  reason: boolean
  versions: boolean
  verbose: number
  retries: number
  stylesheet: boolean
  append: boolean
  files: Map<'normal' | 'xml' | 'grepable', string>
  targets: string[]
  exclude: string[]
  list: string | undefined
  /** As they are shown: the operands behind the options, as getopt(3) leaves them. */
  argv: readonly string[]
  warnings: string[]
  /** Said after the first line. */
  refused: Refusal | undefined
}

/** Packets on the wire, as they are counted at the end. */
export interface Counters { sent: number; sentBytes: number; received: number; receivedBytes: number }

export class Refusal extends Error {
  readonly code: number
  /** How it is used is printed, too. */
  readonly usage: boolean
  constructor(text: string, code: number, usage = false) {
    super(text)
    this.code = code
    this.usage = usage
  }
}

export const quitting = (text: string): Refusal => new Refusal(`${text}\nQUITTING!\n`, 1)

export const notSimulated = (what: string, instead = 'use nmap -sT, -sS, -sU, -sn or -sV with -p, -Pn, -n, -v, --open, --reason, -oN, -oG, -oX'): Refusal => new Refusal(`podhop: not simulated: nmap ${what} (${instead})\n`, 69)

export const TITLES: Readonly<Record<Technique, string>> = { syn: 'SYN Stealth', connect: 'Connect', udp: 'UDP', ack: 'ACK', window: 'Window', maimon: 'Maimon', null: 'NULL', fin: 'FIN', xmas: 'XMAS' }

export type Sinks = Partial<Record<'normal' | 'xml' | 'grepable', OpenFile>>
