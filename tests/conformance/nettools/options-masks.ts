import { macs, type Mask } from './compare.ts'

const sortedRuns = (text: string, row: RegExp): string => {
  const lines = text.split('\n')
  for (let from = 0; from < lines.length; from++) {
    let to = from
    while (to < lines.length && row.test(lines[to]!)) to++
    if (to - from > 1) lines.splice(from, to - from, ...lines.slice(from, to).sort())
    from = to
  }
  return lines.join('\n')
}

/** What takes out of an output what cannot be the same in a real world and a simulated one. */
export const MASKS: Readonly<Record<string, Mask>> = {
  plain: macs,
  sorted: (text) => macs(text).split('\n').sort().join('\n'),
  times: (text) => macs(text).replace(/\d+\.\d{3} ?ms/g, 'T ms').replace(/\(\d[\d.]*s latency\)/g, '(T latency)').replace(/scanned in [\d.]+ seconds/, 'scanned in T').replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}/g, 'DATE'),
  // listeners come in the order of a hash; this host's kernel has neither MPTCP nor cgroup2, and netlink sockets are not simulated
  sockets: (text) =>
    sortedRuns(
      text.replace(/^RTNETLINK answers: Invalid argument\n|^Failed to find cgroup2 mount\n|^nl .*\n/gm, '').replace(/pid=\d+/g, 'pid=P').replace(/fd=\d+/g, 'fd=F').replace(/ino:[1-9]\d*/g, 'ino:N').replace(/sk:[0-9a-f]+/g, 'sk:N').replace(/cgroup:\S+/g, 'cgroup:C').replace(/ busy:\d+ms/g, '')
        .replace(/:(3[2-9]|[456]\d)\d{3}\b/g, ':PORTS').replace(/(LISTEN *)0 +(511|4096) +/g, '$1BACKLOG ').replace(/ +/g, ' ').replace(/ $/gm, '').replace(/ \d+\/node/g, ' P/node').replace(/(LISTEN|ESTABLISHED) 0 \d+/g, '$1 0 INODE'),
      /LISTEN/,
    ),
  // a real bridge asks for multicast groups; what later kernels than Debian 12's count, and what this TCP does not know of itself
  snmp: (text) => text.replace(/^    OutTransmits: .*\n|^MPTcpExt:\n|^    \d+ (packet headers predicted|acknowledgments not containing .*|predicted acknowledgments|delayed acks sent)\n|^    TCP\w+: \d+\n|^    \d+ TCP sockets finished .*\n/gm, '').replace(/\d+ total packets/, 'N total packets').replace(/^ *(InOctets|InNoECTPkts): \d+\n/gm, ''),
  interfaces: (text) => macs(text).replace(/(packets|bytes|dropped)([ :])\d+( {0,1}\([\d.]+ [KMGT]?i?B\))?/g, '$1$2N').replace(/ +\d+( +\d+){3} +\d+( +\d+){3} (B?L?M?O?R?U?)$/gm, ' N $3'),
  report: (text) => macs(text).replace(/Start: .*/, 'Start: T').replace(/(HOST: )\S+( *)/, (_, head: string) => `${head}HOST`).replace(/( +\d+\.\d){5}$/gm, ' T').replace(/"src": .*|"(Last|Avg|Best|Wrst|StDev)": .*/g, '"T"').replace(/(,\d+\.\d\d){5}$/gm, ',T').replace(/OK,|\d{10}/g, ''),
  ipset: (text) => sortedRuns(text.replace(/initval 0x[0-9a-f]+|<initval>0x[0-9a-f]+/g, 'initval'), /^(\d+\.|add |<member>)/),
  // entries come in the order of a hash, and age
  flows: (text) => sortedRuns(text.replace(/^((?:ipv\d +\d+ )?\w+ +\d+) \d+ /gm, '$1 N ').replace(/\bid=\d+/g, 'id=N').replace(/(<timeout>|<id>)\d+/g, '$1N').replace(/ -t \d+ /g, ' -t N '), /src=|^<flow>|^-[AD] /),
}
