// nami at the job of the benchmark: a listener for one event name; the answer comes to a callback.
const { Nami, Actions } = require('nami');
const done = () => {};

const nami = new Nami({ host: '127.0.0.1', port: Number(process.env.AMI_PORT), username: 'bench', secret: 'none' });
nami.logLevel = 0;
nami.on('namiEventBridgeEnter', (event) => {
  if (event.bridgenumchannels !== '2' || event.context !== 'default') return;
  const redirect = new Actions.Redirect();
  Object.assign(redirect, { channel: event.channel, context: 'default', exten: '680', priority: 1 });
  nami.send(redirect, done);
});
nami.on('namiConnected', () => {
  const ready = new Actions.UserEvent('BenchReady');
  ready.userevent = 'BenchReady';
  nami.send(ready, done);
});
nami.open();
