import { describe } from 'vitest'
import { macs, sameAs, twoWorlds, type Mask } from './nettools/compare.ts'
import { transcriptOf } from './referee/transcript.ts'

/** The tools that look for the way of packets, against Debian 12's own in the same shape. */
const transcript = transcriptOf('nettools-trace')

const times: Mask = (text) => macs(text).replace(/\d+\.\d{3} ?ms/g, 'T ms').replace(/BusyBox v[^\n]*\n[^]*/g, 'BusyBox…').replace(/Usage[^]*/, 'Usage…')
const report: Mask = (text) => macs(text).replace(/Start: .*/, 'Start: T').replace(/(HOST: )\S+( *)/, (_, head: string) => `${head}HOST`).replace(/( +\d+\.\d){5}$/gm, ' T').replace(/"src": .*|"(Last|Avg|Best|Wrst|StDev)": .*/g, '"T"').replace(/Usage[^]*/, 'Usage…')

describe('the real tools agree', () => {
  const worlds = twoWorlds()

  const same = sameAs(worlds, transcript)

  describe('on the way of packets', () => {
    same('p1', [
      'traceroute -n 10.244.2.2', 'traceroute 10.244.2.2', 'traceroute -n -q 1 10.244.2.2', 'traceroute -I -n -N 1 10.244.2.2', 'traceroute -T -p 80 -n -N 1 10.244.2.2', 'traceroute -U -n -N 1 10.244.2.2', 'traceroute -n 8.8.8.8', 'traceroute -n -w 1 -q 1 -m 4 10.244.2.99',
      'traceroute -n -f 2 10.244.2.2', 'traceroute -n 10.244.2.2 100', 'traceroute -n 10.244.1.3', 'traceroute -n 127.0.0.1', 'traceroute', 'traceroute -Y 1', 'traceroute -m 0 1.1.1.1', 'traceroute -m 256 1.1.1.1', 'traceroute -q 11 1.1.1.1', 'traceroute -m', 'traceroute -n', 'traceroute -m x 1.1.1.1', 'traceroute --foo 1.1.1.1', 'traceroute 1.1.1.1 2 3',
      'tracepath -n 10.244.2.2', 'tracepath 10.244.2.2', 'tracepath -b 10.244.2.2', 'tracepath -n -m 2 10.244.2.2', 'tracepath -n 10.244.1.3', 'tracepath', 'tracepath -x', 'tracepath -n -l 1000 10.244.2.2',
      'busybox traceroute -n 10.244.2.2', 'busybox traceroute 10.244.2.2', 'busybox traceroute -n -q 1 10.244.2.2', 'busybox traceroute -n -q 1 -w 1 -m 3 10.244.2.99', 'busybox traceroute',
    ], times)
    same('n1', ['traceroute -n 8.8.8.8', 'tracepath -n 10.244.2.2'], times)
    same('p1', ['mtr --report -c 1 -n 10.244.2.2', 'mtr -r -w -n -c 2 -i 0.3 10.244.2.2', 'mtr -r -n -c 1 8.8.8.8', 'mtr -j -n -c 1 10.244.2.2', 'mtr -Q', 'mtr -r -u -n -c 1 10.244.2.2'], report)
  })
})
