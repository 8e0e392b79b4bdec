import { describe, expect, it } from 'vitest'
import { house } from './house.samples.ts'

describe('a busybox Pod', () => {
  it('has the prompt of ash: the directory, and # for root', () => {
    const terminal = house().open()
    expect(terminal.type('kubectl run bb --image=busybox -it\r', 8_000)).toMatch(/\/ # \r?$/)
    expect(terminal.type('cd /tmp\r')).toMatch(/\/tmp # \r?$/)
  })

  it('asks for names with a dot as they are, and for others in every search domain', () => {
    const { run } = house()
    run('kubectl run bb --image=busybox -- sleep 10000; kubectl wait --for=condition=ready pod/bb')
    expect(run('kubectl exec bb -- nslookup kubernetes.default.svc.cluster.local')).toEqual({
      code: 0,
      output: 'Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n\n\n',
    })
    const short = run('kubectl exec bb -- nslookup kubernetes')
    expect(short.code).toBe(1)
    expect(short.output).toContain('Name:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n')
    expect(short.output).toContain("** server can't find kubernetes.svc.cluster.local: NXDOMAIN\n")
    expect(run('kubectl exec bb -- nslookup kubernetes 10.96.0.10').output).toContain("** server can't find kubernetes: NXDOMAIN\n")
  })

  it('of the tag 1.28 asks as programs do, and names every address', () => {
    const { run } = house()
    run('kubectl run bb --image=busybox:1.28 -- sleep 10000; kubectl wait --for=condition=ready pod/bb')
    const server = 'Server:    10.96.0.10\nAddress 1: 10.96.0.10 kube-dns.kube-system.svc.cluster.local\n\n'
    const found = `${server}Name:      kubernetes\nAddress 1: 10.96.0.1 kubernetes.default.svc.cluster.local\n`
    expect(run('kubectl exec bb -- nslookup kubernetes')).toEqual({ code: 0, output: found })
    expect(run('kubectl exec bb -- nslookup kubernetes 10.96.0.10')).toEqual({ code: 0, output: found })
    expect(run('kubectl run once --image=busybox:1.28 --restart=Never --rm -i -- nslookup kubernetes').output).toContain(found)
    expect(run('kubectl exec bb -- nslookup nosuch').output).toBe(`${server}nslookup: can't resolve 'nosuch'\ncommand terminated with exit code 1\n`)
    run('kubectl -n kube-system scale deployment coredns --replicas=0; sleep 5')
    expect(run('kubectl exec bb -- nslookup kubernetes').output).toBe("Server:    10.96.0.10\nAddress 1: 10.96.0.10\n\nnslookup: can't resolve 'kubernetes'\ncommand terminated with exit code 1\n")
  })

  it('explains its applets, on stderr and with success', () => {
    const { run } = house()
    run('kubectl run bb --image=busybox -- sleep 10000; kubectl wait --for=condition=ready pod/bb')
    const whoami = run('kubectl exec bb -- whoami --help')
    expect(whoami).toEqual({ code: 0, output: 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: whoami\n\nPrint the user name associated with the current effective user id\n' })
    expect(run('kubectl exec bb -- busybox cat --help').output).toContain('\nUsage: cat [-nbvteA] [FILE]...\n')
    expect(run('kubectl exec bb -- sh -c "echo --help; [ --help ]"').output).toBe('--help\n')
  })
})
