import { expect, test } from 'vitest'
import { house } from '../house.samples.ts'

/** The exercises of every exam: a node is NotReady, and the administrator finds out why. */
function world() {
  const { run, cluster } = house({ nodes: 2 })
  const laptop = (script: string): string => run(script).output
  const node = (script: string): string => laptop(`hop node worker-1 -- bash -c '${script}'`)
  const isReady = (): string => laptop('sleep 60; kubectl get node worker-1 --no-headers').split(/ +/)[1]!
  return { laptop, node, isReady, cluster }
}

test('a kubelet whose configuration names a file that is not there ends, systemd tries again and again, and the node goes NotReady', () => {
  const { laptop, node, isReady } = world()
  node('sed -i s,pki/ca.crt,pki/WRONG.crt, /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  expect(isReady()).toBe('NotReady')
  expect(node('systemctl is-active kubelet; systemctl status kubelet')).toMatch(/^activating\n● kubelet[^]* Active: activating \(auto-restart\) \(Result: exit-code\) since [^]* ExecStart=\/usr\/bin\/kubelet \$KUBELET_KUBECONFIG_ARGS \$KUBELET_CONFIG_ARGS \$KUBELET_KUBEADM_ARGS \$KUBELET_EXTRA_ARGS \(code=exited, status=1\/FAILURE\)/)
  expect(node('journalctl -u kubelet')).toMatch(/run\.go:72\] "command failed" err="failed to construct kubelet dependencies: unable to load client CA file \/etc\/kubernetes\/pki\/WRONG\.crt: open \/etc\/kubernetes\/pki\/WRONG\.crt: no such file or directory"\n.*status=1\/FAILURE\n.*Failed with result 'exit-code'\.\n[^]*restart counter is at 5\./)
  // nor does a restart of the machine help
  expect(laptop('hop fault apply node-reboot worker-1; sleep 60; kubectl get node worker-1 --no-headers')).toContain('NotReady')
  expect(node('systemctl is-active kubelet')).toBe('activating\n')
  // the next of systemd's tries finds it mended
  node('sed -i s,WRONG,ca, /var/lib/kubelet/config.yaml')
  expect(isReady()).toBe('Ready')
})

test('what is wrong with config.yaml, kubelet.conf, the flags or the unit is said in the words of the kubelet and of systemd', () => {
  const { node } = world()
  const problem = (breakIt: string, mend: string): string => {
    const text = node(`cp -a /var/lib/kubelet /etc/kubernetes /usr/lib/systemd/system/kubelet.service.d /tmp; ${breakIt}; systemctl restart kubelet; sleep 1; journalctl -u kubelet -n 6 -o cat; ${mend}`)
    return /err="(.*)"$/m.exec(text)?.[1]?.replaceAll('\\"', '"') ?? text
  }
  const config = 'cp /tmp/kubelet/* /var/lib/kubelet/'
  expect(problem('sed -i "s/^kind:/kind: :/" /var/lib/kubelet/config.yaml', config)).toMatch(/^failed to load kubelet config file, path: \/var\/lib\/kubelet\/config\.yaml, error: failed to load Kubelet config file \/var\/lib\/kubelet\/config\.yaml, error failed to decode: yaml: line \d+: /)
  expect(problem('rm /var/lib/kubelet/config.yaml', config)).toBe('failed to load kubelet config file, path: /var/lib/kubelet/config.yaml, error: failed to load Kubelet config file /var/lib/kubelet/config.yaml, error failed to read kubelet config file "/var/lib/kubelet/config.yaml", error: open /var/lib/kubelet/config.yaml: no such file or directory')
  expect(problem('sed -i "s/^clusterDNS:/clusterDNS: 10.96.0.10/;/^- 10.96/d" /var/lib/kubelet/config.yaml', config)).toMatch(/failed to decode: json: cannot unmarshal string into Go struct field KubeletConfiguration\.clusterDNS of type \[\]string$/)
  expect(problem('sed -i "s/--container/--network-plugin=cni --container/" /var/lib/kubelet/kubeadm-flags.env', config)).toBe('failed to parse kubelet flag: unknown flag: --network-plugin')
  expect(problem('sed -i s,containerd.sock,containerd.sck, /var/lib/kubelet/kubeadm-flags.env', config)).toBe('failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint "unix:///run/containerd/containerd.sck": rpc error: code = Unavailable desc = connection error: desc = \\"transport: Error while dialing: dial unix /run/containerd/containerd.sck: connect: no such file or directory\\"'.replaceAll('\\"', '"'))
  expect(problem('mv /etc/kubernetes/kubelet.conf /etc/kubernetes/k', 'mv /etc/kubernetes/k /etc/kubernetes/kubelet.conf')).toBe('failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory')
  expect(problem('systemctl stop containerd', 'systemctl start containerd')).toContain('validate CRI v1 runtime API for endpoint "unix:///run/containerd/containerd.sock"')
  // systemd goes by what it has read, until it is told to read again
  const dropIn = '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf'
  expect(node(`sed -i s,=/usr/bin/kubelet,=/usr/bin/local/kubelet, ${dropIn}; systemctl restart kubelet; systemctl is-active kubelet`)).toBe("Warning: The unit file, source configuration file or drop-ins of kubelet.service changed on disk. Run 'systemctl daemon-reload' to reload units.\nactive\n")
  expect(problem('systemctl daemon-reload', `sed -i s,/local,, ${dropIn}; systemctl daemon-reload`)).toMatch(/kubelet\.service: Failed at step EXEC spawning \/usr\/bin\/local\/kubelet: No such file or directory\nkubelet\.service: Main process exited, code=exited, status=203\/EXEC\n/)
  expect(node('sleep 11; systemctl is-active kubelet; which kubelet; kubelet --version')).toBe('active\n/usr/bin/kubelet\nKubernetes v1.33.1\n')
})

test('a kubelet with a wrong API server in its kubeconfig runs, asks there by packets, and its node goes NotReady', () => {
  const { laptop, node, isReady } = world()
  node('sed -i s,:6443,:6553, /etc/kubernetes/kubelet.conf; systemctl restart kubelet')
  laptop(`kubectl run late --image=nginx:1.27.5 --overrides='{"spec":{"nodeName":"worker-1"}}'`)
  expect(isReady()).toBe('NotReady')
  expect(node('systemctl is-active kubelet; journalctl -u kubelet')).toMatch(/^active\n[^]*"Unable to register node with API server" err="Post \\"https:\/\/172\.18\.0\.2:6553\/api\/v1\/nodes\\": dial tcp 172\.18\.0\.2:6553: connect: connection refused" node="worker-1"\n[^]*"Failed to update lease"/)
  expect(laptop('kubectl get pod late --no-headers')).toContain('Pending')
  node('sed -i s,:6553,:6443, /etc/kubernetes/kubelet.conf; systemctl restart kubelet')
  expect(isReady()).toBe('Ready')
  expect(laptop('kubectl get pod late --no-headers')).toContain('Running')
  // by the Service's address kube-proxy leads there as well
  node('sed -i s,172.18.0.2:6443,10.96.0.1:443, /etc/kubernetes/kubelet.conf; systemctl restart kubelet')
  expect(isReady()).toBe('Ready')
  expect(laptop(`kubectl run later --image=nginx:1.27.5 --overrides='{"spec":{"nodeName":"worker-1"}}'; sleep 20; kubectl get pod later --no-headers`)).toContain('Running')
})

test('staticPodPath is where static Pods lie, and without clusterDNS Pods ask whom their node asks', () => {
  const { laptop, node } = world()
  node(`mkdir -p /etc/just; printf "apiVersion: v1\\nkind: Pod\\nmetadata: {name: own}\\nspec: {containers: [{name: own, image: \\"nginx:1.27.5\\"}]}\\n" > /etc/just/own.yaml`)
  expect(laptop('sleep 5; kubectl get pods')).toBe('No resources found in default namespace.\n')
  node('sed -i "s,^staticPodPath:.*,staticPodPath: /etc/just," /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  expect(laptop('sleep 5; kubectl get pods --no-headers')).toMatch(/^own-worker-1 +1\/1 +Running/)
  node('sed -i "s/^- 10.96.0.10/- 169.254.20.10\\n- 10.96.0.10\\n- nobody/" /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  laptop(`kubectl run two --image=busybox:1.37.0 --overrides='{"spec":{"nodeName":"worker-1"}}' -- sleep 1000; sleep 5`)
  expect(laptop('kubectl exec two -- grep nameserver /etc/resolv.conf; kubectl delete pod two --now')).toContain('nameserver 169.254.20.10\nnameserver 10.96.0.10\npod')
  node('sed -i "/^- 169/d;/^- nobody/d" /var/lib/kubelet/config.yaml')
  node('sed -i "/^staticPodPath:/d;/^clusterDNS:/d;/^- 10.96.0.10/d" /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  expect(laptop('sleep 35; kubectl get pods')).toBe('No resources found in default namespace.\n')
  laptop(`kubectl run asks --image=busybox:1.37.0 --overrides='{"spec":{"nodeName":"worker-1"}}' -- sleep 1000; sleep 5`)
  expect(laptop('kubectl exec asks -- cat /etc/resolv.conf')).toBe(node('cat /etc/resolv.conf'))
  expect(laptop('kubectl get events -o jsonpath="{.items[?(@.reason==\'MissingClusterDNS\')].message}"')).toMatch(/^pod: "asks_default\(.*\)"\. kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy\. Falling back to "Default" policy\.$/)
  expect(node('journalctl -u kubelet')).not.toContain('not simulated')
  node('echo maxPods: 5 >> /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  expect(node('journalctl -u kubelet')).toContain('podhop: not simulated: maxPods in /var/lib/kubelet/config.yaml (')
})
