import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('hop, asked for what it cannot do,', () => {
  const { run } = house()

  it.each([
    ['trace default/nope 10.96.0.1:443', 1, 'there is no Pod "nope" with a network in namespace "default"; kubectl get pods -n default shows which there are'],
    ['trace external/x 10.96.0.1:443', 1, '"x" is no IP address; expected external or external/'],
    ['trace external/10.244.1.7 10.96.0.1:443', 1, "it belongs to the cluster's own 10.244.0.0/16; expected an address of the outside, as 198.51.100.7"],
    ['trace external/172.18.0.2 10.96.0.1:443', 1, "it is control-plane's"],
    ['trace external/172.18.0.99 10.96.0.1:443', 1, 'it belongs to the network of the nodes'],
    ['trace external/192.0.2.53 10.96.0.1:443', 1, "it is internet's"],
    ['trace external/2001:db8::5 10.96.0.1:443', 1, 'the outside has no IPv6 here'],
    ['trace laptop 2001:db8::1:80', 1, 'for port 80 of 2001:db8::1 write [2001:db8::1]:80'],
    ['trace laptop web.default:80', 1, 'names of Services are known to Pods'],
    ['trace laptop 10.96.0.1:99999', 1, 'expected a port from 1 to 65535'],
    ['trace laptop http://10.96.0.1:99999/x', 1, 'expected a port from 1 to 65535'],
    ['trace laptop http://me:secret@nowhere.example:81/', 1, 'hop: nowhere.example: Name or service not known'],
    ['trace node/worker-1 kubernetes:443', 1, "worker-1 does not ask the cluster's DNS: names of Services are known to Pods; write the Service's address: 10.96.0.1:443"],
    ['trace laptop 172.18.0.2:6443 -o', 2, '-o needs a value: json or text'],
    ['trace laptop 172.18.0.2:6443 --pcap /not/there.pcap', 1, 'hop trace: --pcap /not/there.pcap: No such file or directory'],
    ['trace a b c', 2, 'unexpected argument "c"'],
    ['time +30', 2, '+30 needs a unit, as +30s'],
    ['time -5s', 2, 'time does not go back'],
    ['time +99999999h', 2, 'is more than a day at once'],
    ['explain mtu', 1, "mtu is a fault, and no reason: it lowers the MTU of a node's network card; hop fault list has them all"],
    ['node nope', 1, 'there are control-plane, worker-1, worker-2'],
  ])('hop %s: says what to do instead', (words, code, what) => {
    const { output, code: ended } = run(`hop ${words}`)
    expect(output).toContain(what)
    expect(ended).toBe(code)
  })

  it.each(['trace', 'matrix', 'node', 'fault', 'time', 'explain'])('hop %s --help tells its arguments', (verb) => {
    const { output, code } = run(`hop ${verb} --help`)
    expect(output).toContain(`hop ${verb}`)
    expect(code).toBe(0)
  })
})
