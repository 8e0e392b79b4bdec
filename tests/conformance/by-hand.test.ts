import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { house } from '../../electron/shell/house.samples.ts'
import { onlyTranscripts, transcriptOf } from './referee/transcript.ts'

/**
 * Container networking made by hand on a node, as iximiuz' "How Container Networking Works" and a hundred pages like it lead through it:
 * ip netns, veth, bridge, routes, iptables. The same lines in a network namespace of the kernel's.
 */
const transcript = transcriptOf('by-hand')

const masked = (text: string): string => text
  .replace(/time=\S+ ms/g, 'time=T ms').replace(/time \d+ms/g, 'time T').replace(/^rtt .*$/gm, 'rtt')
  .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}(?= brd ff)/g, 'MAC').replace(/lladdr \S+/g, 'lladdr MAC').replace(/\b(REACHABLE|STALE|DELAY|PROBE)\b/g, 'STATE')
  // names are the machine's, which has its Pods', too
  .replace(/^(cni-\S+|root)( \(id: \d+\))?\n/gm, '')
  .replace(/ \(id: \d+\)$/gm, '')

const living = !onlyTranscripts && process.getuid?.() === 0 && spawnSync('unshare', ['-n', '-m', 'sh', '-c', '. /etc/os-release; [ "$VERSION_ID" = 12 ] && type ip bridge iptables nsenter ping nc curl']).status === 0
if (!living) console.warn('REFEREE: by-hand: not root, or not Debian 12 with iproute2, iptables, nc and curl')

/** In a mount namespace with its own /run and /sys. */
function real(script: string): string {
  const inside = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && mount -t sysfs sysfs /sys && ip netns add root && exec ip netns exec root sh -s'
  return spawnSync('unshare', ['-n', '-m', '--propagation', 'private', 'sh', '-c', `{ ${inside}; } 2>&1`], { input: script, encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' } }).stdout
}

function ours(script: string): string {
  const lab = house({})
  lab.run('hop node worker-1 -- ip netns add root')
  return lab.run('hop node worker-1 -- ip netns exec root sh -s', script).output
}

for (const chapter of ['two-containers', 'bridge']) {
  const entry = transcript.entry(chapter)
  it.runIf(entry.heldBy(living))(`${chapter}: every line says what the kernel and iproute2 say`, async () => {
    const lines = readFileSync(join(import.meta.dirname, 'by-hand', `${chapter}.sh`), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const script = lines.map((line) => `echo '# ${line.replaceAll("'", '"')}'\n${line}\n`).join('')
    const said = ours(script)
    expect(said.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(lines.length)
    await entry.hold(masked(said), living ? () => masked(real(script)) : undefined)
  })
}
