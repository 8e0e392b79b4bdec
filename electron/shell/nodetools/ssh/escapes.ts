import { concatBytes } from '../../../engine/cluster.ts'

const TILDE = 0x7e
const KNOWN = 'BCRVv#&?\x1a'

/** ssh(1), ESCAPE CHARACTERS: a tilde at the beginning of a line is for ssh. */
export class Escapes {
  #lineBegins = true
  #pending = false

  /** What goes to the other side, what is said here, and whether the session is to be left. */
  take(bytes: Uint8Array): { data: Uint8Array; say: string; leave: boolean } {
    const parts: Uint8Array[] = []
    let say = ''
    for (const byte of bytes) {
      if (this.#pending) {
        this.#pending = false
        const letter = String.fromCharCode(byte)
        if (letter === '.') return { data: concatBytes(parts), say: `${say}~.\r\n`, leave: true }
        if (KNOWN.includes(letter)) {
          say += `podhop: not simulated: ssh's ~${letter === '\x1a' ? '^Z' : letter} (use ~. to leave, ~~ for a tilde)\r\n`
          this.#lineBegins = true
          continue
        }
        if (byte !== TILDE) parts.push(Uint8Array.of(TILDE))
      } else if (byte === TILDE && this.#lineBegins) {
        this.#pending = true
        continue
      }
      parts.push(Uint8Array.of(byte))
      this.#lineBegins = byte === 13 || byte === 10
    }
    return { data: concatBytes(parts), say, leave: false }
  }
}
