import { canonicalIp, cidrContains } from '../../address.ts'
import type { IpvsConnection } from '../../ipvs/connections.ts'
import { UsageError } from '../errors.ts'
import { flag, needNumber, one } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'
import { protocolNumber } from '../names.ts'

/** -m ipvs: what IPVS has done with the packet (libxt_ipvs.c, net/netfilter/xt_ipvs.c). */
export const ipvs: MatchExtension = () => {
  const tests: { order: number; save: string; test: (c: IpvsConnection | undefined, direction: string | undefined) => boolean }[] = []
  const add = (order: number, not: boolean, save: string, test: (c: IpvsConnection) => boolean): void => {
    tests.push({ order, save: `${not ? ' !' : ''} ${save}`, test: (c) => c !== undefined && test(c) !== not })
  }
  return {
    options: {
      ipvs: flag((not) => tests.push({ order: 0, save: `${not ? ' !' : ''} --ipvs`, test: (c) => (c !== undefined) !== not }), true),
      vproto: one((text, not) => {
        const number = /^\d+$/.test(text) ? Number(text) : protocolNumber(text)
        if (Number.isNaN(number)) throw new UsageError(`unknown protocol "${text}" specified`)
        add(1, not, `--vproto ${number}`, (c) => protocolNumber(c.protocol) === number)
      }, true),
      vaddr: one((text, not) => {
        const [ip] = text.split('/')
        if (canonicalIp(ip!) === undefined) throw new UsageError(`host/network \`${ip}' not found`)
        add(2, not, `--vaddr ${text}`, (c) => cidrContains(text, c.virtual))
      }, true),
      vport: one((text, not) => {
        const port = needNumber('ipvs', 'vport', text, 0, 65535)
        add(3, not, `--vport ${port}`, (c) => c.virtualPort === port)
      }, true),
      vdir: one((text) => {
        const direction = text.toUpperCase()
        if (direction !== 'ORIGINAL' && direction !== 'REPLY') throw new UsageError(`ipvs: bad value for option "--vdir", or out of range`)
        tests.push({ order: 4, save: ` --vdir ${direction}`, test: (c, way) => c !== undefined && way !== undefined && (way === 'reply') === (direction === 'REPLY') })
      }),
      vmethod: one((text, not) => {
        if (!['GATE', 'IPIP', 'MASQ'].includes(text)) throw new UsageError('ipvs: bad value for option "--vmethod", or out of range')
        add(5, not, `--vmethod ${text}`, () => text === 'MASQ')
      }, true),
    },
    finish: () => {
      if (tests.length === 0) throw new UsageError('IPVS: At least one option is required')
      tests.sort((a, b) => a.order - b.order)
      return {
        name: 'ipvs', save: tests.map((t) => t.save).join(''), list: () => tests.map((t) => t.save.replace('--', '')).join('').trim(),
        test: ({ packet }) => tests.every((t) => t.test(packet.meta.ipvs as IpvsConnection | undefined, packet.meta.direction)),
      }
    },
  }
}
