import type { Random } from '../../random.ts'

/** What a machine and its kernel call themselves: /etc/machine-id, the firmware's UUID, and an id of its own for each boot. */
export class MachineIdentity {
  readonly #random: Random
  #boot: string
  readonly machine: string
  readonly system: string

  /** `random` is its own stream, forked once: what a fork gives depends on when it is made. */
  constructor(random: Random) {
    this.#random = random
    this.#boot = random.uuid()
    this.machine = random.hex(32)
    this.system = random.uuid()
  }

  get boot(): string {
    return this.#boot
  }

  /** Its kernel starts again. */
  reboot(): void {
    this.#boot = this.#random.uuid()
  }
}
