// `theresa.asking(lost)`: asks the page's server, one question at a time.
//   ask(trigger, name, data)   triggers an event; a promise of the answer, which fails with a sentence
//   settled(value)             brings the answer: what the server's function gave, with its `turn`
theresa.asking = lost => {
  let pending = null, turn = 0;
  return {
    ask(trigger, data) {
      return new Promise((resolve, reject) => {
        pending = {resolve, reject, turn: ++turn};
        trigger("ask", {...data, turn});
      });
    },
    settled(value) {
      if (!pending) return;
      const {resolve, reject} = pending;
      const came = value && value.turn === pending.turn;
      pending = null;
      if (!came) reject(lost);
      else if (value.error) reject(value.error);
      else resolve(value);
    },
  };
};
