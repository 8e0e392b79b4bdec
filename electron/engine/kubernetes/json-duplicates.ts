/**
 * Fields that an object in a JSON text has twice, as sigs.k8s.io/json's strict decoder names them, in order:
 * "spec.containers[0].image". The text must be valid JSON.
 */
export function duplicateFields(text: string): string[] {
  const found: string[] = []
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g
  /** Where we are: an object with its keys so far and the current one, or a list with its index. */
  const stack: ({ keys: Set<string>; key: string } | { index: number })[] = []
  let key: string | undefined
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [t] = match
    const top = stack[stack.length - 1]
    if (t === '{') stack.push({ keys: new Set(), key: '' })
    else if (t === '[') stack.push({ index: 0 })
    else if (t === '}' || t === ']') stack.pop()
    else if (t === ',') {
      if (top && 'index' in top) top.index++
    } else if (t === ':') {
      if (!top || !('keys' in top) || key === undefined) continue
      top.key = key
      if (top.keys.has(key)) {
        const place = pathOf(stack)
        if (!found.includes(place)) found.push(place)
      }
      top.keys.add(key)
    } else key = JSON.parse(t) as string
  }
  return found
}

function pathOf(stack: readonly ({ keys: Set<string>; key: string } | { index: number })[]): string {
  let out = ''
  for (const step of stack) out += 'index' in step ? `[${step.index}]` : out ? `.${step.key}` : step.key
  return out
}
