import { describe, expect, it } from 'vitest'
import { decodeCapture } from '../../../engine/cluster.ts'
import { twoNodes } from '../machines.samples.ts'

/** A Pod that captures and pings another of its node. */
function onePodPair() {
  const { a, clock } = twoNodes()
  const { fs } = a.machine
  return { start: a.start, run: a.run, clock, files: () => fs.readDirectory('/tmp'), read: (name: string) => fs.readFile(`/tmp/${name}`) }
}

describe('the files of tcpdump -w', () => {
  it('are begun anew every -G seconds, and -W says how many there are', () => {
    const { start, run, clock, files, read } = onePodPair()
    const capture = start('tcpdump -n -i eth0 -G 2 -W 2 -w /tmp/cap-%S.pcap icmp')
    run('ping -c 6 -i 1 10.244.1.3')
    clock.runFor(100)
    expect(capture.stderr).toContain('Maximum file limit reached: 2\n')
    expect(capture.code).toBe(0)
    const names = files()
    expect(names).toHaveLength(2)
    for (const name of names) expect(decodeCapture(read(name)).frames).toHaveLength(4)
  })

  it('have a number behind their name after -C million bytes, and go round with -W', () => {
    const { start, run, clock, files, read } = onePodPair()
    const capture = start('tcpdump -n -i eth0 -C 1 -W 2 -w /tmp/big icmp')
    run('ping -c 800 -i 0.002 -s 1400 10.244.1.3')
    clock.runFor(100)
    capture.process.signal('SIGINT')
    clock.runFor(100)
    expect(files()).toEqual(['big0', 'big1'])
    expect(read('big1').length).toBeGreaterThan(1_000_000)
    expect(decodeCapture(read('big0')).frames.length).toBeGreaterThan(0)
  })
})
