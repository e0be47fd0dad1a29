//! The gradient of a function, and value and gradient, as ratios to the value alone, each called from outside: φ⁴ on 256², and a star by 200
//! steps of Runge and Kutta. `cargo bench --bench autodiff`

mod race;

fn main() {
    println!("best of {}", race::GRADIENT_ROUNDS);
    for (title, name) in [("φ⁴ action, 256×256", "action"), ("200 Runge–Kutta steps", "star")] {
        for threads in [1, race::THREADS] {
            let ([alone, gradient, both], value) = race::gradient(name, threads);
            println!(
                "{title:24} {threads} threads   value {:6.1} µs   gradient {:.2} of it   both {:.2} of it   value = {value:.6}",
                alone * 1e6,
                gradient / alone,
                both / alone
            );
        }
    }
}
