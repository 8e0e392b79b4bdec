/** Decodes %XX and resolves "." and ".."; undefined when that leaves the root or the escape is broken. */
export function normalize(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return undefined
  const decoded = path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const out: string[] = []
  let left = false
  const parts = decoded.split('/').slice(1)
  parts.forEach((part, i) => {
    const last = i === parts.length - 1
    if (part === '..') {
      left ||= out.pop() === undefined
      if (last) out.push('')
    } else if (part === '.' || part === '') {
      if (last) out.push('')
    } else out.push(part)
  })
  return left ? undefined : `/${out.join('/')}`
}
