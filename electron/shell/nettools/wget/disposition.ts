/** The name of a Content-Disposition header (RFC 6266): "filename*" before "filename", without directories; undefined where it has none. */
export function dispositionName(header: string): string | undefined {
  let plain: string | undefined
  let encoded: string | undefined
  for (const [, name, quoted, bare] of header.matchAll(/;?\s*([^=;\s]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*)))?/g)) {
    const value = (quoted?.replace(/\\(.)/g, '$1') ?? bare?.trim() ?? '').replace(/^.*[/\\]/s, '')
    if (value === '') continue
    if (name!.toLowerCase() === 'filename') plain ??= value
    if (name!.toLowerCase() === 'filename*') encoded ??= decoded(value)
  }
  return encoded ?? plain
}

/** RFC 5987: UTF-8''na%C3%AFve.txt */
function decoded(value: string): string {
  const text = /^[^']*'[^']*'(.*)$/s.exec(value)?.[1] ?? value
  try {
    return decodeURIComponent(text).replace(/^.*[/\\]/s, '')
  } catch {
    return text
  }
}
