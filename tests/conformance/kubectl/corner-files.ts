/** What the lines of corners/ speak of, besides the files of the parity list. */
export const CORNER_FILES: Record<string, string> = {
  'init.yaml': `apiVersion: v1
kind: Pod
metadata: {name: inity, labels: {app: inity}}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: prep, image: busybox, command: [sh, -c, 'echo preparing; echo twice']}
  containers:
  - {name: main, image: busybox, command: [sh, -c, 'echo one; echo two; echo three; sleep 100000']}
  - {name: side, image: busybox, command: [sh, -c, 'echo s1; sleep 100000']}
`,
  'volumes.yaml': `apiVersion: v1
kind: Pod
metadata: {name: old}
spec:
  nodeSelector: {never: there}
  containers: [{name: c, image: 'nginx:1.27.5'}]
  volumes:
  - {name: v01, iscsi: {targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.com.example:storage.kube.sys1.xyz', lun: 0, portals: ['10.0.0.2:3260', '10.0.0.3:3260'], chapAuthSession: true, secretRef: {name: chap}}}
  - {name: v02, gcePersistentDisk: {pdName: d, fsType: ext4}}
  - {name: v03, awsElasticBlockStore: {volumeID: vol-1, partition: 2, readOnly: true}}
  - {name: v04, glusterfs: {endpoints: g, path: kube}}
  - {name: v05, rbd: {monitors: ['10.0.0.1:6789'], image: foo}}
  - {name: v06, quobyte: {registry: 'r:7861', volume: v}}
  - {name: v07, azureDisk: {diskName: d, diskURI: 'https://a.blob.core.windows.net/vhds/d.vhd'}}
  - {name: v08, vsphereVolume: {volumePath: '[ds] a/b'}}
  - {name: v09, cinder: {volumeID: c}}
  - {name: v10, photonPersistentDisk: {pdID: p}}
  - {name: v11, portworxVolume: {volumeID: p}}
  - {name: v12, scaleIO: {gateway: 'https://g', system: s, secretRef: {name: s}, volumeName: v}}
  - {name: v13, cephfs: {monitors: [a, b]}}
  - {name: v14, storageos: {volumeName: v}}
  - {name: v15, fc: {targetWWNs: ['500a0982991b8dc5', '500a0982891b8dc5'], lun: 2}}
  - {name: v16, azureFile: {secretName: s, shareName: k}}
  - {name: v17, flexVolume: {driver: 'kubernetes.io/lvm', options: {b: '1', a: '2'}}}
  - {name: v18, flocker: {datasetName: d}}
  - {name: v19, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}
  - {name: v20, image: {reference: 'quay.io/a/b'}}
  - {name: v21, image: {reference: 'quay.io/a/b:v1'}}
  - {name: v22, nfs: {server: s, path: /x}}
`,
  'multi.yaml': ['m1', 'm2'].map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: m}}\ndata: {a: b}\n`).join('---\n'),
  'cols.txt': 'NAME A\n.metadata.name .data.a\n',
  'badcols.txt': 'NAME A\n.metadata.name\n',
  'onecol.txt': 'NAME\n',
  't.tpl': '{{range .items}}{{.metadata.name}}\n{{end}}',
  'p.txt': '{.items[*].metadata.name}',
  'quick.sh': 'sed -i "s/a: c/a: q/" "$1"\n',
  'rename.sh': 'sed -i "s/name: m1/name: other/; s/name: shop/name: shap/" "$1"\n',
  'badname.sh': 'sed -i "s/name: m1/name: BAD_/" "$1"\n',
  'nokind.sh': 'sed -i "s/^kind:.*/kind: Nope/" "$1"\n',
  'elsewhere.sh': 'sed -i "s/namespace: default/namespace: kube-system/" "$1"\n',
  'empty.sh': 'if test -s "$1"; then : > "$1"; else cat "$1"; fi\n',
  'three.sh': 'sed -i "s/replicas: 2/replicas: 3/" "$1"\n',
  'unknown.sh': 'sed -i "s/replicas: [0-9]*/nope: 4/" "$1"\n',
  'custom.json': '{}',
  'custom.yaml': 'env:\n- {name: A, value: "1"}\nresources: {limits: {cpu: 1}}\n',
  'customname.json': '{"name": "x"}',
  'custombad.json': '{',
  'customunknown.json': '{"foo": 1}',
  'customports.json': '{"ports": [{"containerPort": 80}]}',
  'customlife.json': '{"lifecycle": {}}',
  'customimage.json': '{"image": "nginx"}',
  'customterm.json': '{"terminationMessagePath": "/x"}',
  'customenv.json': '{"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "securityContext": {"capabilities": {"add": ["NET_RAW"]}}}',
  'multi1.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m1, labels: {set: m}}\ndata: {a: c}\n',
}
