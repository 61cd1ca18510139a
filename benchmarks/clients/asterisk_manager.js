// asterisk-manager at the job of the benchmark: a listener for one event name; the answer comes to a callback.
const manager = require('asterisk-manager')(Number(process.env.AMI_PORT), '127.0.0.1', 'bench', 'none', true);
const done = () => {};

manager.on('bridgeenter', (event) => {
  if (event.bridgenumchannels !== '2' || event.context !== 'default') return;
  manager.action({ action: 'Redirect', channel: event.channel, context: 'default', exten: '680', priority: 1 }, done);
});
manager.action({ action: 'UserEvent', userevent: 'BenchReady' }, done);
