/** robots.txt as wget reads it (src/res.c): the record for "wget", or the one for all. */
export type Robots = readonly { path: string; allowed: boolean }[]

export function readRobots(text: string): Robots {
  const own: { path: string; allowed: boolean }[] = []
  const common: { path: string; allowed: boolean }[] = []
  let agents: string[] = []
  let began = false
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, field = '', value = ''] = /^\s*([\w-]+)\s*:\s*([^#]*?)\s*(?:#.*)?$/.exec(line) ?? []
    switch (field.toLowerCase()) {
      case 'user-agent':
        if (began) agents = []
        began = false
        agents.push(value.toLowerCase())
        break
      case 'allow': case 'disallow': {
        began = true
        const rules = agents.includes('wget') ? own : agents.includes('*') ? common : undefined
        // "Disallow:" with nothing allows everything
        rules?.push({ path: value, allowed: field.toLowerCase() === 'allow' || value === '' })
        break
      }
      default:
    }
  }
  return own.length > 0 ? own : common
}

/** The first rule that fits decides. */
export function allowedBy(rules: Robots, path: string): boolean {
  return rules.find((r) => path.startsWith(r.path))?.allowed ?? true
}
