import { expect, it } from 'vitest'
import { isBackground, type Journey } from '../../engine/cluster.ts'
import { KeptJourneys } from './kept-journeys.ts'

it('what a student sent stays in sight under any amount of the talk of probes and agents', () => {
  let recent: Journey[] = []
  let told: (journey: Journey) => void = () => undefined
  const log = { get recent() { return recent }, get: (id: number) => recent.find((j) => j.id === id), onChange: (listener: typeof told) => ((told = listener), () => undefined) }
  const kept = new KeptJourneys(log)
  let id = 0
  const sent = (program: string): Journey => {
    const journey: Journey = { id: ++id, at: 0, protocol: 'tcp', from: 'worker-1', program, source: '172.18.0.3', destination: '172.18.0.4', destinationPort: 179, hops: [], reply: [], verdict: 'delivered', packets: 1, bytes: 0 }
    recent = [...recent, journey].slice(-500)
    told(journey)
    return journey
  }
  const curl = sent('curl')
  for (let i = 0; i < 600; i++) sent('bird')
  expect(log.get(curl.id), 'long forgotten by the cluster').toBeUndefined()
  expect(kept.own).toEqual([curl])
  expect(kept.get(curl.id)).toBe(curl)
  expect(kept.system.map((j) => j.program)).toEqual(Array(30).fill('bird'))
  for (let i = 0; i < 60; i++) sent('curl')
  expect(kept.own).toHaveLength(50)
  expect(kept.get(curl.id)).toBeUndefined()
})

it('agents of the network plugins are the cluster, programs of Pods are not', () => {
  const of = (program?: string) => isBackground({ program } as Journey)
  expect(['bird', 'felix', 'cilium-agent', 'antrea-agent', 'nginx-agent', 'kubelet', undefined].filter((p) => !of(p))).toEqual([])
  expect(['curl', 'nginx', 'mysqld', 'containerd', 'cilium-envoy'].filter(of)).toEqual([])
})
