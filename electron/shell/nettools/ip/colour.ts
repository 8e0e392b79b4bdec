/** ip -color: names of links in cyan, hardware addresses in yellow, addresses in magenta and blue, states in green and red (color.c). */
const paint = (code: number, text: string): string => `\x1b[${code}m${text}\x1b[0m`
const address = (text: string): string => paint(text.includes(':') ? 34 : 35, text)

export function coloured(text: string): string {
  return text.split('\n').map(line).join('\n')
}

function line(row: string): string {
  const link = /^(\d+: )(\S+: )(<.*)$/.exec(row)
  if (link) return link[1]! + paint(36, link[2]!) + state(link[3]!)
  const hardware = /^( +link\/\S+ )(\S+)( brd )(\S+)(.*)$/.exec(row)
  if (hardware) return hardware[1]! + paint(33, hardware[2]!) + hardware[3]! + paint(33, hardware[4]!) + hardware[5]!
  const inet = /^( +inet6? )([^/ ]+)(.*)$/.exec(row)
  if (inet) return inet[1]! + address(inet[2]!) + inet[3]!.replace(/( brd )(\S+)( )/, (_, head: string, brd: string, end: string) => head + address(brd) + end).replace(/ (\S+)$/, (whole, name: string) => (inet[1]!.includes('6') ? whole : ` ${paint(36, name)}`))
  if (/^\S+ +(UP|DOWN|UNKNOWN|LOWERLAYERDOWN) /.test(row)) return brief(row)
  if (/ dev | via |^(unreachable|blackhole|prohibit) /.test(row)) return route(row)
  return row
}

const state = (text: string): string => text.replace(/( state )(UP|DOWN)( )/, (_, head: string, word: string, end: string) => head + paint(word === 'UP' ? 32 : 31, `${word}${end}`))

function brief(row: string): string {
  const [, name, word, rest] = /^(\S+ +)(\S+ +)(.*)$/.exec(row)!
  const shown = rest!.replace(/^([0-9a-f]{2}:){5}[0-9a-f]{2}/, (mac) => paint(33, mac)).replace(/(\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]+)(?=\/)/g, address)
  return paint(36, name!) + (word!.startsWith('UP') ? paint(32, word!) : word!.startsWith('DOWN') ? paint(31, word!) : word!) + shown
}

/** With the blank after each, as the real one prints them. */
function route(row: string): string {
  return row
    .replace(/^(\S*[.:\d][\d.:a-f/]*)( )/, (whole, destination: string, end: string) => (/^[\da-f:.]+(\/\d+)?$/.test(destination) ? address(`${destination}${end}`) : whole))
    .replace(/((?:^|\[0m| )(?:via|src) )(\S+ ?)/g, (_, head: string, to: string) => head + address(to))
    .replace(/((?:^|\[0m| )dev )(\S+ ?)/g, (_, head: string, device: string) => head + paint(36, device))
    .replace(/( lladdr )(\S+)/, (_, head: string, mac: string) => head + paint(33, mac))
}
