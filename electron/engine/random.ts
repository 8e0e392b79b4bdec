const HEX = '0123456789abcdef'
const DASH = 0x2d
/** The characters of the UUID that is being made. */
const UUID = new Array<number>(36).fill(DASH)
const COLON = 0x3a
/** Likewise of a MAC address. */
const MAC = new Array<number>(17).fill(COLON)

/** The one seeded source of chance in the engine (design 3.1). The generator is sfc32, from PractRand. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.imul(seed, 0x9e3779b1) | 0
    this.#c = 0xb5297a4d ^ seed
    for (let i = 0; i < 15; i++) this.uint32()
  }

  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t | 0
    return t >>> 0
  }

  /** Where the stream is; {@link rewind} goes back there. */
  mark(): readonly number[] {
    return [this.#a, this.#b, this.#c, this.#counter]
  }

  rewind(mark: readonly number[]): void {
    ;[this.#a, this.#b, this.#c, this.#counter] = mark as [number, number, number, number]
  }

  /** A float in [0, 1). */
  float(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.float() * limit)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** A name suffix from the letters that Kubernetes uses: k8s.io/apimachinery/pkg/util/rand. */
  suffix(length: number): string {
    const letters = 'bcdfghjklmnpqrstvwxz2456789'
    let out = ''
    for (let i = 0; i < length; i++) out += letters[this.below(letters.length)]
    return out
  }

  hex(length: number): string {
    // Made at once: a text that is added up piece by piece stays a tree of its pieces in memory.
    const codes = new Array<number>(length)
    this.#fill(codes, length)
    return String.fromCharCode.apply(null, codes)
  }

  /** A random UUID, version 4 (RFC 9562). */
  uuid(): string {
    this.#fill(UUID, 32)
    UUID[12] = 0x34
    UUID[16] = '89ab'.charCodeAt(this.below(4))
    // From the end: every part moves behind where it was.
    for (let from = 31, to = 35; from >= 8; from--) {
      UUID[to--] = UUID[from]!
      if (from === 20 || from === 16 || from === 12 || from === 8) UUID[to--] = DASH
    }
    return String.fromCharCode.apply(null, UUID)
  }

  /** A locally administered address of one interface (IEEE 802). */
  mac(): string {
    this.#fill(MAC, 12)
    MAC[1] = HEX.charCodeAt((HEX.indexOf(String.fromCharCode(MAC[1]!)) & 0xe) | 2)
    for (let from = 11, to = 16; from >= 2; from--) {
      MAC[to--] = MAC[from]!
      if (from % 2 === 0) MAC[to--] = COLON
    }
    return String.fromCharCode.apply(null, MAC)
  }

  #fill(codes: number[], length: number): void {
    for (let i = 0; i < length;) {
      const word = this.uint32()
      for (let shift = 28; shift >= 0 && i < length; shift -= 4) codes[i++] = HEX.charCodeAt((word >>> shift) & 15)
    }
  }

  /** An own stream, so that one part's use of chance does not move another's. */
  fork(name: string): Random {
    return new Random(this.forkSeed(name))
  }

  /** The seed of a {@link fork}, to make it later. */
  forkSeed(name: string): number {
    let h = 2166136261
    for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619)
    return (h ^ this.#a) | 0
  }
}
