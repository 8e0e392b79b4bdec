/** How --trace and --trace-ascii write bytes (src/tool_cb_dbg.c, dump). */
export type TraceKind = 'bytes' | 'ascii'

export function dump(bytes: Uint8Array, kind: TraceKind): string {
  const width = kind === 'bytes' ? 16 : 64
  const isEnd = (at: number): boolean => kind === 'ascii' && bytes[at] === 13 && bytes[at + 1] === 10
  let out = ''
  for (let at = 0; at < bytes.length; ) {
    out += `${at.toString(16).padStart(4, '0')}: `
    if (kind === 'bytes') for (let c = 0; c < width; c++) out += at + c < bytes.length ? `${bytes[at + c]!.toString(16).padStart(2, '0')} ` : '   '
    let next = at + width
    for (let c = 0; c < width && at + c < bytes.length; c++) {
      // a line of the text is a line here; one that ends at the edge makes no empty one
      if (isEnd(at + c)) {
        next = at + c + 2
        break
      }
      const byte = bytes[at + c]!
      out += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
      if (isEnd(at + c + 1)) {
        next = at + c + 3
        break
      }
    }
    out += '\n'
    at = next
  }
  return out
}
