import { it } from 'vitest'
import { twoNodes } from './machines.samples.ts'
it('x', () => {
  const w = twoNodes()
  const show = (m: any, line: string, o?: any) => { const r = m.run(line, o); console.log(`$ ${line}\n${r.stdout}${r.stderr}[${r.code}]`) }
  show(w.a, 'ip addr'); show(w.a, 'ip -d link'); show(w.a, 'ip -s link'); show(w.a, 'ip route'); show(w.a, 'ping -c 2 10.244.2.2'); show(w.a, 'ip neigh')
  show(w.node1, 'ip addr'); show(w.node1, 'ip route show table all'); show(w.a, 'ping -c 2 10.244.2.9');show(w.a, 'busybox:ping -c 2 10.244.1.3');show(w.a, 'ping -c 2 10.244.1.77')
  show(w.node1, 'bridge fdb'); show(w.node1, 'ip -br a'); show(w.node1, 'ip -j a')
  show(w.a, 'curl http://10.244.2.2/'); show(w.a, 'curl -v http://10.244.2.77/'); show(w.a,'curl -m 2 10.244.2.2:81')
  w.c.start('nc -l -k -p 9000'); 
  show(w.c, 'ss -tlnp'); show(w.a, 'nc -zv 10.244.2.2 9000'); show(w.a, 'nc -zv 10.244.2.2 9001'); 
  show(w.node1, 'iptables -A FORWARD -d 10.244.2.2 -p tcp --dport 9001 -j REJECT'); show(w.node1,'iptables-save'); show(w.a, 'nc -zv 10.244.2.2 9001'); show(w.node1,'conntrack -L'); show(w.a, 'ss -tan')
})
