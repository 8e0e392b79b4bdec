import { SystemError } from '../../machine/errors.ts'
import { BaseLink } from '../link.ts'
import type { LinkOptions } from '../link.ts'
import type { Namespace } from '../namespace.ts'
import type { BondLink, BondOptions, BondSlave, Frame, Mac } from '../types.ts'
import { another, Uppers, type Port } from './uppers.ts'

interface Slave { link: BaseLink; permanent: Mac; mii: boolean; failures: number }

const BOND_DEFAULTS: BondOptions = { mode: 'balance-rr', miimon: 0, updelay: 0, downdelay: 0, primary: undefined }

/**
 * Several links as one (drivers/net/bonding). `active-backup` uses one and takes another when it fails, `balance-rr` one after the other,
 * `broadcast` all. Only with `miimon` does it look whether a slave still has a carrier.
 */
export class Bond extends BaseLink implements BondLink, Port {
  readonly kind = 'bond'
  readonly options: BondOptions
  readonly #slaves: Slave[] = []
  #active: Slave | undefined
  #turn = 0
  #looking = false
  /** Its MAC address is one that nobody gave it: that of its first slave will do. */
  #anyMac: boolean

  constructor(namespace: Namespace, options: LinkOptions & { bond?: Partial<BondOptions>; anyMac: boolean }) {
    super(namespace, options)
    this.options = { ...BOND_DEFAULTS, ...options.bond }
    this.#anyMac = options.anyMac
  }

  get slaves(): readonly BondSlave[] {
    return this.#slaves.map((s) => ({ link: s.link, permanentMac: s.permanent, up: s.mii, failures: s.failures, active: this.options.mode !== 'active-backup' || s === this.#active }))
  }

  get links(): readonly BaseLink[] {
    return []
  }

  get active(): string | undefined {
    return this.#active?.link.name
  }

  override get carrier(): boolean {
    return this.up && this.#slaves.some((s) => s.mii)
  }

  /** bond_enslave. Throws SystemError EBUSY for a link that is taken. */
  enslave(link: BaseLink): void {
    const uppers = Uppers.of(link)
    if (uppers.port || link.master) throw new SystemError('EBUSY')
    const slave: Slave = { link, permanent: link.mac, mii: true, failures: 0 }
    if (this.#anyMac && this.#slaves.length === 0) {
      this.mac = link.mac
      this.#anyMac = false
    }
    uppers.port = this
    link.bond = this
    link.mac = this.mac
    this.#slaves.push(slave)
    if (!link.up) link.namespace.setUp(link.name, true)
    if (this.options.miimon > 0) slave.mii = link.carrier
    this.#choose()
    this.namespace.carrierChanged(this)
  }

  release(link: BaseLink): void {
    const slave = this.#slaves.find((s) => s.link === link)
    if (!slave) throw new SystemError('EINVAL')
    this.#slaves.splice(this.#slaves.indexOf(slave), 1)
    Uppers.of(link).port = undefined
    link.bond = undefined
    link.mac = slave.permanent
    if (!link.removed && link.up) link.namespace.setUp(link.name, false)
    if (this.#active === slave) this.#active = undefined
    this.#choose()
    this.namespace.carrierChanged(this)
  }

  /** `ip link set BOND type bond active_slave NAME`; without a name the bond chooses. */
  activate(name: string | undefined): void {
    if (name === undefined) {
      this.#active = undefined
      return this.#choose()
    }
    const slave = this.#slaves.find((s) => s.link.name === name)
    if (!slave || !slave.mii) throw new SystemError('EINVAL')
    this.#change(slave)
  }

  configure(change: Partial<BondOptions>): void {
    if (change.mode !== undefined && change.mode !== this.options.mode && (this.up || this.#slaves.length > 0)) throw new SystemError(this.up ? 'EBUSY' : 'ENOTEMPTY')
    Object.assign(this.options, change)
    this.#choose()
    this.#look()
  }

  override stateChanged(): void {
    this.#choose()
    this.#look()
  }

  /** bond_start_xmit */
  protected send(frame: Frame): void {
    const usable = this.#slaves.filter((s) => s.mii && s.link.up)
    const { mode } = this.options
    const out = mode === 'active-backup' ? this.#active : usable[this.#turn++ % Math.max(1, usable.length)]
    if (!out) {
      this.statistics.txDropped++
      return this.lost(frame, 'drop-link-down', `${this.name} has no ${mode === 'active-backup' ? 'active ' : ''}slave that it could send the frame through.`)
    }
    if (mode === 'broadcast') for (const slave of usable) if (slave !== out) slave.link.transmit(another(frame, this))
    this.#tell(frame, `${this.name} sends the frame through ${out.link.name}${mode === 'active-backup' ? ', its active slave' : ''}.`)
    out.link.transmit(frame)
  }

  /** bond_handle_frame: what comes in through a backup is a copy of what the active slave gets. */
  take(frame: Frame, lower: BaseLink): boolean {
    if (this.options.mode === 'active-backup' && this.#active?.link !== lower) {
      this.lost(frame, 'drop-bond-backup', `${lower.name} is not the active slave of ${this.name}${this.#active ? `, which is ${this.#active.link.name}` : ''}: what comes in through it is not taken.`)
      return true
    }
    this.receive(frame)
    return true
  }

  lowerChanged(): void {
    this.#look()
  }

  lowerRemoved(lower: BaseLink): void {
    this.release(lower)
  }

  override unlink(): void {
    super.unlink()
    for (const { link } of [...this.#slaves]) this.release(link)
  }

  /** bond_mii_monitor: at the next tick, after the delays. */
  #look(): void {
    const { miimon, updelay, downdelay } = this.options
    if (miimon === 0 || this.#looking || !this.up) return
    if (this.#slaves.every((s) => s.mii === s.link.carrier)) return
    this.#looking = true
    const { clock } = this.namespace
    const tick = miimon - (clock.now % miimon)
    const delay = this.#slaves.some((s) => s.mii && !s.link.carrier) ? downdelay : updelay
    clock.schedule(tick + delay, () => {
      this.#looking = false
      if (this.removed) return
      for (const slave of this.#slaves) {
        if (slave.mii === slave.link.carrier) continue
        slave.mii = !slave.mii
        if (!slave.mii) slave.failures++
        this.namespace.printk(slave.mii
          ? `${this.name}: (slave ${slave.link.name}): link status definitely up, 10000 Mbps full duplex`
          : `${this.name}: (slave ${slave.link.name}): link status definitely down, disabling slave`)
      }
      this.#choose()
      this.namespace.carrierChanged(this)
    })
  }

  /** bond_find_best_slave: the primary one, the one that is in use, the first that is up. */
  #choose(): void {
    if (this.options.mode !== 'active-backup') return
    const up = this.#slaves.filter((s) => s.mii)
    const best = up.find((s) => s.link.name === this.options.primary) ?? up.find((s) => s === this.#active) ?? up[0]
    if (best !== this.#active) this.#change(best)
  }

  /** bond_change_active_slave: the switches are told where the address is now (NETDEV_NOTIFY_PEERS). */
  #change(slave: Slave | undefined): void {
    this.#active = slave
    if (!slave) return this.namespace.printk(`${this.name}: now running without any active interface!`)
    this.namespace.printk(`${this.name}: (slave ${slave.link.name}): making interface the new active one`)
    if (!this.up) return
    for (const { address } of this.addresses) if (!address.includes(':')) this.namespace.neighbours.announce(address, this.name)
  }

  #tell(frame: Frame, text: string): void {
    const { recorder } = this.namespace
    const packet = frame.payload
    if (packet.kind !== 'ip' || !recorder.recording(packet)) return
    recorder.hop(this.namespace, packet, { stage: 'transmit', interface: this.name, text, before: recorder.header(packet, frame), explanation: 'bond' })
  }
}
